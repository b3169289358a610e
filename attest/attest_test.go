package attest_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/attest"
)

const someHex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func subject() []attest.ResourceDescriptor {
	return []attest.ResourceDescriptor{{Name: "app", Digest: map[string]string{"sha256": someHex}}}
}

// TestParseStatement guards against TM-19.
func TestParseStatement(t *testing.T) {
	good := `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a","digest":{"sha256":"` + someHex + `"}}],"predicateType":"https://x.example/v1","predicate":{}}`
	for name, tc := range map[string]struct{ text, want string }{
		"good":              {good, ""},
		"old version":       {strings.Replace(good, "Statement/v1", "Statement/v0.1", 1), ""},
		"foreign digest":    {strings.Replace(good, `"sha256":"`+someHex, `"gce_image_id":"897`, 1), ""},
		"empty":             {"", "not an in-toto statement"},
		"no object":         {"[]", "not an in-toto statement"},
		"trailing text":     {good + "x", "not an in-toto statement"},
		"duplicate key":     {strings.Replace(good, `"predicate":`, `"predicate":{},"predicate":`, 1), "duplicate"},
		"duplicate within":  {strings.Replace(good, `"predicate":{}`, `"predicate":{"a":1,"a":2}`, 1), "duplicate"},
		"other case":        {strings.Replace(good, `"subject"`, `"Subject"`, 1), "unknown"},
		"unknown key":       {strings.Replace(good, `"predicate":`, `"more":1,"predicate":`, 1), "unknown"},
		"invalid UTF-8":     {strings.Replace(good, `"name":"a"`, "\"name\":\"\xff\"", 1), "UTF-8"},
		"other type":        {strings.Replace(good, "Statement/v1", "Statement/v2", 1), "type of the statement"},
		"no subject":        {strings.Replace(good, `[{"name":"a","digest":{"sha256":"`+someHex+`"}}]`, "[]", 1), "no subject"},
		"no digest":         {strings.Replace(good, `{"sha256":"`+someHex+`"}`, "{}", 1), "no digest"},
		"short digest":      {strings.Replace(good, someHex, someHex[:63], 1), "not 64"},
		"upper-case digest": {strings.Replace(good, someHex, strings.ToUpper(someHex), 1), "not 64"},
		"no predicate type": {strings.Replace(good, "https://x.example/v1", "", 1), "no predicateType"},
		"predicate a list":  {strings.Replace(good, `"predicate":{}`, `"predicate":[]`, 1), "not a JSON object"},
		"no predicate":      {strings.Replace(good, `,"predicate":{}`, "", 1), "not a JSON object"},
		"deep":              {strings.Replace(good, `{}}`, `{"a":`+strings.Repeat("[", 200_000), 1), "not an in-toto statement"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := attest.ParseStatement([]byte(tc.text))
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
			if s.Predicate != nil || s.Subject != nil {
				t.Errorf("a refused statement has content: %+v", s)
			}
		})
	}
}

func TestStatementIsReproducible(t *testing.T) {
	predicate := map[string]any{"z": 1, "a": map[string]any{"c": 2, "b": "ü"}}
	var first string
	for range 20 {
		s, err := attest.NewStatement(subject(), "https://x.example/v1", predicate)
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(b)
		}
		if string(b) != first {
			t.Fatalf("got %s, before %s", b, first)
		}
	}
	if want := `{"_type":"https://in-toto.io/Statement/v1","predicate":{"a":{"b":"ü","c":2},"z":1},"predicateType":"https://x.example/v1","subject":[{"digest":{"sha256":"` + someHex + `"},"name":"app"}]}`; first != want {
		t.Errorf("got  %s\nwant %s", first, want)
	}
}

// TestPAE has the example of the specification.
func TestPAE(t *testing.T) {
	if got, want := string(attest.PAE("http://example.com/HelloWorld", []byte("hello world"))), "DSSEv1 29 http://example.com/HelloWorld 11 hello world"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParseEnvelope(t *testing.T) {
	payload := base64.StdEncoding.EncodeToString([]byte("{}"))
	good := `{"payload":"` + payload + `","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"","sig":"AA=="}]}`
	for name, tc := range map[string]struct{ text, want string }{
		"good":            {good, ""},
		"other keys":      {strings.Replace(good, `"sig"`, `"cert":"x","sig"`, 1), ""},
		"URL alphabet":    {strings.Replace(good, `"AA=="`, `"_-8="`, 1), ""},
		"empty":           {"", "not a DSSE envelope"},
		"duplicate key":   {strings.Replace(good, `"payloadType"`, `"payload":"AA==","payloadType"`, 1), "duplicate"},
		"no payload":      {strings.Replace(good, payload, "", 1), "no payload"},
		"no type":         {strings.Replace(good, "application/vnd.in-toto+json", "", 1), "no payloadType"},
		"no signature":    {strings.Replace(good, `{"keyid":"","sig":"AA=="}`, "", 1), "no signature"},
		"empty signature": {strings.Replace(good, "AA==", "", 1), "signature 0"},
		"not base64":      {strings.Replace(good, payload, "%%", 1), "not base64"},
		"loose base64":    {strings.Replace(good, "AA==", "AB==", 1), "not base64"},
		"many signatures": {strings.Replace(good, `{"keyid":"","sig":"AA=="}`, strings.Repeat(`{"sig":"AA=="},`, 99)+`{"sig":"AA=="}`, 1), "the limit is"},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := attest.ParseEnvelope([]byte(tc.text))
			if tc.want != "" {
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("got %v, want an error with %q", err, tc.want)
				}
				if e.Payload != nil || e.Signatures != nil {
					t.Errorf("a refused envelope has content: %+v", e)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			b, err := e.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			again, err := attest.ParseEnvelope(b)
			if err != nil || string(again.Payload) != string(e.Payload) || again.PayloadType != e.PayloadType || len(again.Signatures) != len(e.Signatures) {
				t.Errorf("it reads %+v again as %+v, %v", e, again, err)
			}
		})
	}
}

func TestEnvelopeOfAnotherType(t *testing.T) {
	e := attest.Envelope{PayloadType: "text/plain", Payload: []byte("{}"), Signatures: []attest.Signature{{Sig: []byte{1}}}}
	if _, err := e.Statement(); err == nil || !strings.Contains(err.Error(), "text/plain") {
		t.Errorf("got %v", err)
	}
}

var noon = time.Date(2026, 11, 2, 12, 0, 0, 1, time.UTC)

// judged is a report without findings, and a verdict over it.
func judged(t *testing.T, outcome gatehouse.Outcome, change func(*gatehouse.Report, *gatehouse.Verdict)) (*gatehouse.Report, *gatehouse.Verdict) {
	t.Helper()
	r := &gatehouse.Report{
		Tool:      gatehouse.Tool{Name: "gatehouse", Version: "1.2.3"},
		Target:    gatehouse.TargetInfo{Kind: gatehouse.TargetDir, Name: ".", Digest: "sha256:" + someHex, Files: 3, Bytes: 30},
		Databases: map[string]gatehouse.Database{"sca": {Digest: "sha256:" + someHex}},
		Coverage: gatehouse.Coverage{Scanners: []gatehouse.ScannerCoverage{
			{Name: "secrets", Version: "1", Status: gatehouse.StatusComplete},
			{Name: "sca", Version: "1", Status: gatehouse.StatusComplete},
			{Name: "iac", Version: "1", Status: gatehouse.StatusNotApplicable},
		}},
	}
	v := &gatehouse.Verdict{
		Outcome: outcome, Reasons: []string{"because"}, Time: noon, Subject: r.Target,
		Policy: gatehouse.PolicyRef{Digest: "sha256:" + someHex, Rules: 4},
	}
	if change != nil {
		change(r, v)
	}
	var err error
	if v.CoverageDigest, err = r.Coverage.Digest(); err != nil {
		t.Fatal(err)
	}
	return r, v
}

func options() attest.VSAOptions {
	return attest.VSAOptions{
		Subject: subject(), ResourceURI: "pkg:oci/app?repository_url=registry.example/app", VerifierID: "https://ci.example/gate",
		PolicyURI: "https://ci.example/policy", ReportDigest: "sha256:" + someHex,
	}
}

func TestVSA(t *testing.T) {
	r, v := judged(t, gatehouse.OutcomePass, func(_ *gatehouse.Report, v *gatehouse.Verdict) {
		gap := gatehouse.Gap{ID: "g"}
		v.Waived = []gatehouse.Waived{{Waiver: "w1", Gap: &gap}}
		v.Waivers = []gatehouse.WaiverUse{
			{Waiver: gatehouse.Waiver{ID: "w1", Kind: gatehouse.WaiverCoverage, Match: []string{"parse"}, Owner: "o", Expires: noon}, State: gatehouse.WaiverUsed, Matches: 1},
			{Waiver: gatehouse.Waiver{ID: "w2"}, State: gatehouse.WaiverUnused},
		}
	})
	s, err := attest.NewVSA(r, v, options())
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := attest.ParseStatement(b)
	if err != nil {
		t.Fatal(err)
	}
	vsa, err := attest.ParseVSA(again)
	if err != nil {
		t.Fatal(err)
	}
	if vsa.VerificationResult != "PASSED" || vsa.Outcome != "PASS" || vsa.SLSAVersion != "1.2" || !vsa.TimeVerified.Equal(noon.Truncate(time.Second)) {
		t.Errorf("got %+v", vsa)
	}
	if vsa.Coverage.WaivedGaps != 1 || len(vsa.Waivers) != 1 || vsa.Waivers[0].ID != "w1" || vsa.Unknown != nil {
		t.Errorf("got %+v, %+v, unknown %s", vsa.Coverage, vsa.Waivers, vsa.Unknown)
	}
	var fields map[string]any
	if err := json.Unmarshal(s.Predicate, &fields); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{attest.FieldOutcome, attest.FieldCoverage, attest.FieldWaivers, attest.FieldInputs, "verifier", "timeVerified", "resourceUri", "policy", "verificationResult", "verifiedLevels", "slsaVersion"} {
		if _, ok := fields[name]; !ok {
			t.Errorf("the predicate has no %s", name)
		}
	}
	if _, ok := fields["dependencyLevels"]; ok {
		t.Error("it makes a claim about the levels of dependencies")
	}
}

// TestOnlyPassIsPassed: nothing but a pass may give what another verifier takes
// for one. Guards against TM-20.
func TestOnlyPassIsPassed(t *testing.T) {
	for _, outcome := range []gatehouse.Outcome{gatehouse.OutcomeIncomplete, gatehouse.OutcomeFail} {
		r, v := judged(t, outcome, nil)
		o := options()
		o.SLSALevels = []string{"SLSA_BUILD_LEVEL_3"}
		s, err := attest.NewVSA(r, v, o)
		if err != nil {
			t.Fatal(err)
		}
		vsa, err := attest.ParseVSA(s)
		if err != nil {
			t.Fatal(err)
		}
		if vsa.VerificationResult != "FAILED" || !slices.Equal(vsa.VerifiedLevels, []string{"FAILED"}) || vsa.Outcome != outcome.String() {
			t.Errorf("%s gives %+v", outcome, vsa)
		}
	}
}

func TestLevels(t *testing.T) {
	vulnerability := func(id, exploited string, vex *gatehouse.VEX) gatehouse.Finding {
		return gatehouse.Finding{ID: id, Kind: gatehouse.KindVulnerability, Vulnerability: &gatehouse.Vulnerability{Exploited: exploited, VEX: vex}}
	}
	all := []string{attest.LevelComplete, attest.LevelInventory, attest.LevelNoKEV, attest.LevelTriaged, attest.LevelPassed, attest.LevelSecrets}
	without := func(drop ...string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(l string) bool { return slices.Contains(drop, l) })
	}
	for name, tc := range map[string]struct {
		outcome gatehouse.Outcome
		change  func(*gatehouse.Report, *gatehouse.Verdict)
		want    []string
	}{
		"clean":      {gatehouse.OutcomePass, nil, all},
		"incomplete": {gatehouse.OutcomeIncomplete, nil, nil},
		"a gap that is waived": {gatehouse.OutcomePass, func(r *gatehouse.Report, _ *gatehouse.Verdict) {
			r.Coverage.Gaps = []gatehouse.Gap{{ID: "g"}}
			r.Coverage.Scanners[0].Status = gatehouse.StatusPartial
		}, without(attest.LevelComplete, attest.LevelSecrets)},
		"a secret below the bar": {gatehouse.OutcomePass, func(r *gatehouse.Report, _ *gatehouse.Verdict) {
			r.Findings = []gatehouse.Finding{{Kind: gatehouse.KindSecret, Secret: &gatehouse.Secret{}}}
		}, without(attest.LevelSecrets)},
		"a secret that is suppressed": {gatehouse.OutcomePass, func(r *gatehouse.Report, _ *gatehouse.Verdict) {
			r.Findings = []gatehouse.Finding{{Kind: gatehouse.KindSecret, Secret: &gatehouse.Secret{}, Suppressed: &gatehouse.Suppression{}}}
		}, all},
		"a vulnerability nobody spoke about": {gatehouse.OutcomePass, func(r *gatehouse.Report, _ *gatehouse.Verdict) {
			r.Findings = []gatehouse.Finding{vulnerability("a", "", nil)}
		}, without(attest.LevelTriaged)},
		"one with a VEX statement": {gatehouse.OutcomePass, func(r *gatehouse.Report, _ *gatehouse.Verdict) {
			r.Findings = []gatehouse.Finding{vulnerability("a", "", &gatehouse.VEX{})}
		}, all},
		"a waived one that is exploited": {gatehouse.OutcomePass, func(r *gatehouse.Report, v *gatehouse.Verdict) {
			r.Findings = []gatehouse.Finding{vulnerability("a", "2026-01-01", nil)}
			v.Waived = []gatehouse.Waived{{Violation: &gatehouse.Violation{Finding: "a"}}}
		}, without(attest.LevelNoKEV)},
		"no database": {gatehouse.OutcomePass, func(r *gatehouse.Report, _ *gatehouse.Verdict) { r.Databases = nil }, without(attest.LevelTriaged, attest.LevelNoKEV)},
		"configuration": {gatehouse.OutcomePass, func(r *gatehouse.Report, _ *gatehouse.Verdict) {
			r.Coverage.Scanners[2].Status = gatehouse.StatusComplete
		}, append(slices.Clone(all), attest.LevelIaC)},
	} {
		t.Run(name, func(t *testing.T) {
			got := attest.Levels(judged(t, tc.outcome, tc.change))
			slices.Sort(tc.want)
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestVSARefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*attest.VSAOptions, *gatehouse.Verdict)
		want   string
	}{
		"no subject": {func(o *attest.VSAOptions, _ *gatehouse.Verdict) { o.Subject = nil }, "no subject"},
		"no SHA-256": {func(o *attest.VSAOptions, _ *gatehouse.Verdict) {
			o.Subject[0].Digest = map[string]string{"sha1": someHex[:40]}
		}, "no SHA-256"},
		"no resource": {func(o *attest.VSAOptions, _ *gatehouse.Verdict) { o.ResourceURI = "" }, "resource URI"},
		"input unpinned": {func(o *attest.VSAOptions, _ *gatehouse.Verdict) {
			o.InputAttestations = []attest.ResourceDescriptor{{URI: "x"}}
		}, "has no digest"},
		"other report": {func(_ *attest.VSAOptions, v *gatehouse.Verdict) { v.CoverageDigest = "sha256:0" }, "the report has"},
		"no policy":    {func(_ *attest.VSAOptions, v *gatehouse.Verdict) { v.Policy.Digest = "" }, "the policies"},
	} {
		t.Run(name, func(t *testing.T) {
			r, v := judged(t, gatehouse.OutcomePass, nil)
			o := options()
			tc.change(&o, v)
			if _, err := attest.NewVSA(r, v, o); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

// TestVSAOfOthersQuality reads the summaries that other producers made.
func TestVSAOfOthersQuality(t *testing.T) {
	dir := os.Getenv("QUALITY_DATA")
	if dir == "" {
		t.Skip("QUALITY_DATA is not set: summaries of other producers are not here")
	}
	files, err := filepath.Glob(filepath.Join(dir, "supplychain/slsa-verifier/vsa/*/*/*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no summary in %s: %v", dir, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		e, err := attest.ParseEnvelope(b)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		s, err := e.Statement()
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if v, err := attest.ParseVSA(s); err != nil || v.VerificationResult != attest.ResultPassed {
			t.Errorf("%s: %+v, %v", file, v, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"` + someHex + `"}}],"predicateType":"x:y","predicate":{"a":1e3}}`))
	f.Add([]byte(`{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AA=="}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := attest.ParseStatement(b); err == nil {
			first, err := s.Marshal()
			if err != nil {
				t.Fatalf("accepted but cannot be written: %v", err)
			}
			again, err := attest.ParseStatement(first)
			if err != nil {
				t.Fatalf("written but refused: %v", err)
			}
			if second, _ := again.Marshal(); string(second) != string(first) {
				t.Fatalf("not the same bytes:\n%s\n%s", first, second)
			}
		}
		if e, err := attest.ParseEnvelope(b); err == nil {
			first, _ := e.Marshal()
			again, err := attest.ParseEnvelope(first)
			if err != nil {
				t.Fatalf("written but refused: %v", err)
			}
			if second, _ := again.Marshal(); string(second) != string(first) {
				t.Fatal("not the same bytes")
			}
		}
	})
}
