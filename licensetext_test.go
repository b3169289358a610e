package gatehouse_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gatehouse-sec/gatehouse"
)

// A text of a licence belongs to the component that it is about, by purl or by
// the only version that there is; and it alone is nothing to scan.
func TestLicenseTextsOfComponents(t *testing.T) {
	component := func(name, version string) gatehouse.Component {
		return gatehouse.Component{Package: gatehouse.Package{Purl: "pkg:npm/" + name + "@" + version, Ecosystem: "npm", Name: name, Version: version}}
	}
	sc := &gatehouse.Scanner{Name: "fake", Doc: "Fakes", Reads: "all", Version: "1",
		Want: func(f gatehouse.FileInfo) gatehouse.Want {
			return gatehouse.Want{Scan: true, Aside: strings.HasPrefix(f.Path, "LICENSE")}
		},
		ScanFile: func(_ context.Context, f *gatehouse.File, p *gatehouse.Pass) error {
			if f.Path == "lock" {
				for _, c := range []gatehouse.Component{component("a", "1"), component("a", "2"), component("b", "1"), component("c", "1")} {
					p.AddComponent(c)
				}
				return nil
			}
			text := gatehouse.LicenseText{Licenses: []gatehouse.DetectedLicense{{License: string(f.Data), Confidence: 1}}}
			if _, name, ok := strings.Cut(f.Path, "-"); ok {
				text.Package = &gatehouse.Package{Ecosystem: "npm", Name: name}
				if name, version, ok := strings.Cut(name, "@"); ok {
					c := component(name, version)
					text.Package = &c.Package
				}
			}
			p.AddLicenseText(text)
			return nil
		},
	}
	files := fstest.MapFS{}
	for path, data := range map[string]string{"LICENSE": "MIT", "LICENSE-a@2": "ISC", "LICENSE-a": "BSD-2-Clause", "LICENSE-b": "Zlib", "LICENSE-d": "X11"} {
		files[path] = &fstest.MapFile{Data: []byte(data)}
	}
	scan := func() *gatehouse.Report {
		r, err := gatehouse.Scan(t.Context(), &gatehouse.Target{Kind: gatehouse.TargetDir, Name: "x", FS: files}, []*gatehouse.Scanner{sc}, gatehouse.ScanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := scan(); len(r.LicenseTexts) != 5 || r.Coverage.Scanners[0].Status != gatehouse.StatusNotApplicable {
		t.Errorf("texts alone: %d of them, status %s", len(r.LicenseTexts), r.Coverage.Scanners[0].Status)
	}
	files["lock"] = &fstest.MapFile{Data: []byte("lock")}
	r := scan()
	if r.Coverage.Scanners[0].Status != gatehouse.StatusComplete {
		t.Errorf("status %s", r.Coverage.Scanners[0].Status)
	}
	var got []string
	for _, c := range r.Components {
		for _, d := range c.DetectedLicenses {
			got = append(got, fmt.Sprintf("%s@%s %s %s", c.Name, c.Version, d.License, d.Location.Path))
		}
	}
	if want := []string{"a@2 ISC LICENSE-a@2", "b@1 Zlib LICENSE-b"}; !slices.Equal(got, want) {
		t.Errorf("components have %q, want %q", got, want)
	}
}
