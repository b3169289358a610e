package iac

import (
	"fmt"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// variants collects what is found in several results of the same files: builds
// of overlays, or renderings of a chart. What is found in more than one of them
// is reported once, with their names.
type variants struct {
	findings []gatehouse.Finding
	names    [][]string // of the variants with each finding
	gaps     []gatehouse.Gap
	judged   []string
	index    map[string]int
}

func newVariants() *variants { return &variants{index: map[string]int{}} }

// of is the reporter for one variant, by a phrase such as "in the build of
// prod"; if that is empty, it is not told.
func (v *variants) of(name string) reporter { return &variant{variants: v, name: name} }

type variant struct {
	*variants
	name string
}

func (v *variant) Report(f gatehouse.Finding) {
	key := strings.Join([]string{f.Fingerprint, f.Rule, f.Location.String(), fmt.Sprint(f.Location.EndLine, f.Suppressed != nil)}, "\x00")
	i, ok := v.index[key]
	if !ok {
		i = len(v.findings)
		v.index[key] = i
		v.findings = append(v.findings, f)
		v.names = append(v.names, nil)
	}
	if last := v.names[i]; v.name != "" && (len(last) == 0 || last[len(last)-1] != v.name) {
		v.names[i] = append(last, v.name)
	}
}

func (v *variant) Gap(g gatehouse.Gap) { v.gaps = append(v.gaps, g) }

func (v *variant) Judge(kind string) { v.judged = append(v.judged, kind) }

// maxNamed bounds the variants that a finding names.
const maxNamed = 3

// report passes on all findings and gaps.
func (v *variants) report(to reporter) {
	for _, kind := range v.judged {
		to.Judge(kind)
	}
	for i, f := range v.findings {
		if names := v.names[i]; len(names) > 0 {
			more := ""
			if len(names) > maxNamed {
				more = fmt.Sprintf(" and %d more", len(names)-maxNamed)
			}
			f.Message += " (" + strings.Join(names[:min(len(names), maxNamed)], ", ") + more + ")"
		}
		to.Report(f)
	}
	seen := map[gatehouse.Gap]bool{}
	for _, g := range v.gaps {
		if !seen[g] {
			seen[g] = true
			to.Gap(g)
		}
	}
}
