package compliance_test

import (
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/compliance"
)

func TestBuiltin(t *testing.T) {
	for _, name := range compliance.Names() {
		if s, ok := compliance.Builtin(name); !ok || s.ID != name {
			t.Errorf("%s cannot be read", name)
		}
	}
	if _, ok := compliance.Builtin("../x"); ok {
		t.Error("a spec that is not there was found")
	}
}

func TestAssess(t *testing.T) {
	rules := []gatehouse.Rule{{ID: "KSV-0017", Aliases: []string{"AVD-KSV-0017"}, Judges: []string{"kubernetes/pod"}}}
	spec, err := compliance.Parse("s.yaml", []byte(`
spec:
  id: s
  title: Spec
  controls:
  - {id: "1", name: a check, severity: HIGH, checks: [{id: AVD-KSV-0017}]}
  - {id: "2", name: by hand, severity: HIGH}
  - {id: "3", name: on a node, severity: HIGH, commands: [{id: CMD-0001}]}
  - {id: "4", name: no such check, severity: HIGH, checks: [{id: KSV-9999}]}
  - {id: "5", name: fails if unknown, severity: HIGH, defaultStatus: FAIL}
  - {id: "6", name: not passed by default, severity: HIGH, defaultStatus: PASS}
  - {id: "7", name: of another scanner, severity: HIGH, checks: [{id: VULN-CRITICAL}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	const none, pass, fail = gatehouse.ControlNotAssessed, gatehouse.ControlPassed, gatehouse.ControlFailed
	finding := gatehouse.Finding{ID: "f", Rule: "KSV-0017", Kind: gatehouse.KindMisconfiguration}
	ignored := finding
	ignored.Suppressed = &gatehouse.Suppression{By: "test"}
	for _, tt := range []struct {
		name     string
		status   gatehouse.Status
		judged   map[string]int
		findings []gatehouse.Finding
		first    gatehouse.ControlStatus
	}{
		{"holds", gatehouse.StatusComplete, map[string]int{"kubernetes/pod": 1}, nil, pass},
		{"fails", gatehouse.StatusComplete, map[string]int{"kubernetes/pod": 1}, []gatehouse.Finding{finding}, fail},
		{"fails, ignored", gatehouse.StatusComplete, map[string]int{"kubernetes/pod": 1}, []gatehouse.Finding{ignored}, fail},
		{"nothing there", gatehouse.StatusComplete, map[string]int{"kubernetes/service": 1}, nil, none},
		{"not all judged", gatehouse.StatusPartial, map[string]int{"kubernetes/pod": 1}, nil, none},
	} {
		r := &gatehouse.Report{Findings: tt.findings}
		r.Coverage.Scanners = []gatehouse.ScannerCoverage{{Name: "iac", Status: tt.status, Judged: tt.judged}}
		got := compliance.Assess(spec, r, rules)
		for i, want := range []gatehouse.ControlStatus{tt.first, none, none, none, fail, none, none} {
			if c := got.Controls[i]; c.Status != want || want == none && c.Reason == "" {
				t.Errorf("%s: control %s is %+v, want %s", tt.name, c.ID, c, want)
			}
		}
	}
}
