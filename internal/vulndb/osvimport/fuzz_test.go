package osvimport

import (
	"testing"
)

// FuzzEvaluate feeds anything to the readers of all formats: no crash, and no
// advisory without ids and versions.
func FuzzEvaluate(f *testing.F) {
	for _, name := range []string{"a.json", "a.yaml", "RUSTSEC-a.md"} {
		for _, text := range []string{ghsaEntry, pysecEntry, rustEntry, demoEntry} {
			f.Add(name, []byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		o := evaluate(file{name: name, data: data}, now)
		for _, err := range o.errs {
			if len(err.Error()) > 4096 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		}
		for _, p := range o.entries {
			for _, a := range p.advisories {
				if len(p.ids) == 0 || a.pkg == "" || len(a.vulnerable)+len(a.patched)+len(a.unaffected) == 0 {
					t.Errorf("got %+v", p)
				}
			}
		}
	})
}
