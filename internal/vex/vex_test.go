package vex_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/vex"
)

var now = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// report is of a program that needs web, which alone needs parse, and log,
// which both need.
func report() *gatehouse.Report {
	c := func(name string, direct bool, needs ...string) gatehouse.Component {
		out := gatehouse.Component{Package: pkg(name), Direct: direct, Location: gatehouse.Location{Path: "package-lock.json"}}
		for _, n := range needs {
			out.DependsOn = append(out.DependsOn, pkg(n).Purl)
		}
		return out
	}
	f := func(id, name string, aliases ...string) gatehouse.Finding {
		return gatehouse.Finding{Rule: id, Kind: gatehouse.KindVulnerability, Location: gatehouse.Location{Path: "package-lock.json"},
			Vulnerability: &gatehouse.Vulnerability{Package: pkg(name), Aliases: aliases}}
	}
	return &gatehouse.Report{
		Target:     gatehouse.TargetInfo{Digest: "sha256:aa"},
		Components: []gatehouse.Component{c("web", true, "parse", "log"), c("parse", false, "log"), c("log", true)},
		Findings:   []gatehouse.Finding{f("CVE-2026-1", "parse", "GHSA-aaaa-bbbb-cccc"), f("CVE-2026-2", "log")},
	}
}

func pkg(name string) gatehouse.Package {
	return gatehouse.Package{Purl: "pkg:npm/" + name + "@1.0.0", Ecosystem: "npm", Name: name, Version: "1.0.0"}
}

func openVEX(statements ...string) string {
	return `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.test/vex/1","author":"Ann","timestamp":"2026-05-01T00:00:00Z","statements":[` +
		strings.Join(statements, ",") + `]}`
}

func statement(vulnerability, products, rest string) string {
	return fmt.Sprintf(`{"vulnerability":{"name":%q},"products":[%s],%s}`, vulnerability, products, rest)
}

const notAffected = `"status":"not_affected","justification":"vulnerable_code_not_in_execute_path"`

func TestApply(t *testing.T) {
	tests := []struct {
		name     string
		docs     []string
		products []string
		want     [2]string // statuses of both findings
		unused   string    // part of the first reason
	}{
		{"the package itself", []string{openVEX(statement("CVE-2026-1", `{"@id":"pkg:npm/parse@1.0.0"}`, notAffected))}, nil, [2]string{"not_affected", ""}, ""},
		{"any version", []string{openVEX(statement("CVE-2026-1", `{"@id":"pkg:npm/parse"}`, notAffected))}, nil, [2]string{"not_affected", ""}, ""},
		{"another version", []string{openVEX(statement("CVE-2026-1", `{"@id":"pkg:npm/parse@2.0.0"}`, notAffected))}, nil, [2]string{"", ""}, "neither what was scanned"},
		{"by an alias", []string{openVEX(statement("GHSA-aaaa-bbbb-cccc", `{"@id":"pkg:npm/parse"}`, notAffected))}, nil, [2]string{"not_affected", ""}, ""},
		{"the target", []string{openVEX(statement("CVE-2026-1", `{"@id":"pkg:github/acme/shop"}`, notAffected))}, []string{"pkg:github/acme/shop@v1"}, [2]string{"not_affected", ""}, ""},
		{"another target", []string{openVEX(statement("CVE-2026-1", `{"@id":"pkg:github/acme/shop"}`, notAffected))}, []string{"pkg:github/acme/till"}, [2]string{"", ""}, "--product"},
		{"the target by its digest", []string{openVEX(statement("CVE-2026-1", `{"@id":"shop","hashes":{"sha-256":"aa"}}`, notAffected))}, nil, [2]string{"not_affected", ""}, ""},
		{"a part of the target", []string{openVEX(statement("CVE-2026-1", `{"@id":"shop","subcomponents":[{"@id":"pkg:npm/parse"}]}`, notAffected))}, []string{"shop"}, [2]string{"not_affected", ""}, ""},
		{"another part of the target", []string{openVEX(statement("CVE-2026-1", `{"@id":"shop","subcomponents":[{"@id":"pkg:npm/web"}]}`, notAffected))}, []string{"shop"}, [2]string{"", ""}, "neither"},
		{"the only way in", []string{openVEX(statement("CVE-2026-1", `{"@id":"pkg:npm/web"}`, notAffected))}, nil, [2]string{"not_affected", ""}, ""},
		{"one of two ways in", []string{openVEX(statement("CVE-2026-2", `{"@id":"pkg:npm/web"}`, notAffected))}, nil, [2]string{"", ""}, "the only way"},
		{"later counts", []string{
			openVEX(statement("CVE-2026-1", `{"@id":"pkg:npm/parse"}`, `"timestamp":"2026-05-03T00:00:00Z","status":"affected","action_statement":"upgrade"`),
				statement("CVE-2026-1", `{"@id":"pkg:npm/parse"}`, notAffected))}, nil, [2]string{"affected", ""}, ""},
		{"of one time the worst", []string{
			openVEX(statement("CVE-2026-1", `{"@id":"pkg:npm/parse"}`, notAffected), statement("CVE-2026-1", `{"@id":"pkg:npm/parse"}`, `"status":"under_investigation"`))},
			nil, [2]string{"under_investigation", ""}, ""},
		{"from the future", []string{openVEX(statement("CVE-2026-1", `{"@id":"pkg:npm/parse"}`, notAffected+`,"timestamp":"2027-01-01T00:00:00Z"`))}, nil, [2]string{"", ""}, "after the evaluation time"},
		{"plain texts of old OpenVEX", []string{`{"@context":"https://openvex.dev/ns","timestamp":"2026-05-01T00:00:00Z","statements":[
			{"vulnerability":"CVE-2026-1","products":["shop"],"subcomponents":["pkg:npm/parse@1.0.0"],"status":"fixed"}]}`}, []string{"shop"}, [2]string{"fixed", ""}, ""},
		{"CycloneDX, part of a product", []string{`{"bomFormat":"CycloneDX","metadata":{"timestamp":"2026-05-01T00:00:00Z","component":{"bom-ref":"root","purl":"pkg:github/acme/shop"}},
			"components":[{"bom-ref":"c1","purl":"pkg:npm/parse@1.0.0"}],
			"vulnerabilities":[{"id":"CVE-2026-1","analysis":{"state":"false_positive","detail":"no"},"affects":[{"ref":"c1"}]}]}`},
			[]string{"pkg:github/acme/shop"}, [2]string{"not_affected", ""}, ""},
		{"CycloneDX, BOM-Link", []string{`{"bomFormat":"CycloneDX","vulnerabilities":[{"id":"CVE-2026-2","analysis":{"state":"in_triage"},
			"affects":[{"ref":"urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg%3Anpm%2Flog%401.0.0"}]}]}`}, nil, [2]string{"", "under_investigation"}, ""},
		{"CSAF", []string{`{"document":{"category":"csaf_vex","csaf_version":"2.0","publisher":{"name":"Acme"},"tracking":{"id":"A-1","current_release_date":"2026-05-01T00:00:00Z"}},
			"product_tree":{"branches":[{"branches":[{"product":{"product_id":"P","name":"Shop","product_identification_helper":{"purl":"pkg:github/acme/shop"}}}]}],
			"full_product_names":[{"product_id":"C","name":"parse","product_identification_helper":{"purl":"pkg:npm/parse@1.0.0"}}],
			"relationships":[{"category":"default_component_of","product_reference":"C","relates_to_product_reference":"P","full_product_name":{"product_id":"P:C","name":"parse in Shop"}}]},
			"vulnerabilities":[{"cve":"CVE-2026-1","product_status":{"known_not_affected":["P:C"],"recommended":["P"]},
			"flags":[{"label":"component_not_present","product_ids":["P:C"]}],"threats":[{"category":"impact","details":"left out","product_ids":["P:C"]}]}]}`},
			[]string{"pkg:github/acme/shop"}, [2]string{"not_affected", ""}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var docs []*vex.Document
			for i, text := range tt.docs {
				d, err := vex.Parse(fmt.Sprintf("%d.json", i), []byte(text))
				if err != nil {
					t.Fatal(err)
				}
				docs = append(docs, d)
			}
			r := report()
			vex.Apply(r, docs, tt.products, now)
			applied := 0
			for i, want := range tt.want {
				got := ""
				if v := r.Findings[i].Vulnerability.VEX; v != nil {
					got = v.Status
					applied++
				}
				if got != want {
					t.Errorf("%s: status %q, want %q", r.Findings[i].Rule, got, want)
				}
			}
			if len(r.VEX) != len(docs) || r.VEX[0].Applied != applied {
				t.Errorf("the report records %+v, want %d applied", r.VEX, applied)
			}
			switch unused := r.VEX[0].Unused; {
			case tt.unused == "" && len(unused) > 0:
				t.Errorf("unused: %+v", unused)
			case tt.unused != "" && (len(unused) == 0 || !strings.Contains(unused[0].Reason, tt.unused)):
				t.Errorf("unused: %+v, want a reason with %q", unused, tt.unused)
			}
		})
	}
}

// The findings are never fewer than before.
func TestNothingVanishes(t *testing.T) {
	d, err := vex.Parse("a.json", []byte(openVEX(statement("CVE-2026-1", `{"@id":"pkg:npm/parse"}`, notAffected))))
	if err != nil {
		t.Fatal(err)
	}
	r := report()
	before := len(r.Findings)
	vex.Apply(r, []*vex.Document{d}, nil, now)
	v := r.Findings[0].Vulnerability.VEX
	if len(r.Findings) != before || v == nil || v.Justification == "" || v.Author != "Ann" || v.Document != "a.json" || v.Time != "2026-05-01T00:00:00Z" {
		t.Errorf("got %d findings, and the statement %+v", len(r.Findings), v)
	}
}

func TestBadDocuments(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", "it is empty"},
		{"\xff", "UTF-8"},
		{"[1]", "it is a JSON array and not an object"},
		{"{", "no valid JSON"},
		{`{"@context":"https://openvex.dev/ns/v0.2.0","statements":{}}`, `"statements" is a JSON object, which does not belong there`},
		{`{"bomFormat":"CycloneDX","vulnerabilities":[{"id":1}]}`, `id" is a JSON number`},
		{`{"a":1}`, "it is no VEX document"},
		{openVEX(), "no statement"},
		{openVEX(statement("CVE-1", `{"@id":"p"}`, `"status":"not_affected"`)), "without a justification"},
		{openVEX(statement("CVE-1", `{"@id":"p"}`, `"status":"not_affected","justification":"trust_me"`)), `unknown justification "trust_me"`},
		{openVEX(statement("CVE-1", `{"@id":"p"}`, `"status":"harmless"`)), `unknown status "harmless"`},
		{openVEX(statement("CVE-1", ``, `"status":"fixed"`)), "names no product"},
		{openVEX(statement("CVE-1", `{}`, `"status":"fixed"`)), "without an identifier"},
		{openVEX(statement("", `{"@id":"p"}`, `"status":"fixed"`)), "names no vulnerability"},
		{openVEX(statement("CVE-1", `{"@id":"p"}`, `"status":"fixed","timestamp":"yesterday"`)), `"yesterday" is no RFC 3339 time`},
		{`{"bomFormat":"CycloneDX","vulnerabilities":[{"id":"CVE-1","affects":[{"ref":"x"}]}]}`, "no statement"},
		{`{"bomFormat":"CycloneDX","vulnerabilities":[{"id":"CVE-1","analysis":{"state":"fine"},"affects":[{"ref":"x"}]}]}`, `unknown analysis state "fine"`},
		{`{"document":{"csaf_version":"2.0"},"vulnerabilities":[{"cve":"CVE-1","product_status":{"fixed":["P"]}}]}`, `product "P" is not in the product tree`},
		{`{"document":{"csaf_version":"2.0"},"vulnerabilities":[{"cve":"CVE-1","product_status":{"fine":["P"]}}]}`, "the product status is unknown"},
	}
	for _, tt := range tests {
		_, err := vex.Parse("bad.json", []byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "bad.json") {
			t.Errorf("%q: got error %v, want one with %q", tt.text, err, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(openVEX(statement("CVE-2026-1", `{"@id":"pkg:npm/parse@1.0.0"}`, notAffected))))
	f.Add([]byte(`{"bomFormat":"CycloneDX","vulnerabilities":[{"id":"CVE-1","analysis":{"state":"resolved"},"affects":[{"ref":"urn:cdx:x/1#%zz"}]}]}`))
	f.Add([]byte(`{"document":{"csaf_version":"2.0"},"product_tree":{"relationships":[{"product_reference":"A","relates_to_product_reference":"A","full_product_name":{"product_id":"A"}}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := vex.Parse("f", data)
		if err == nil {
			vex.Apply(report(), []*vex.Document{d}, []string{"p"}, now)
		}
	})
}
