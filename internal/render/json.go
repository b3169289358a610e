package render

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"encoding/json/jsontext"
	jsonv2 "encoding/json/v2"
	"slices"

	"github.com/gatehouse-sec/gatehouse"
)

// DocumentVersion is the version of [Document].
const DocumentVersion = 1

//go:generate go run ./schemagen -o schema/report.schema.json

//go:embed schema/report.schema.json
var schema []byte

// Schema is the JSON Schema of [Document].
func Schema() []byte { return slices.Clone(schema) }

// Document is the format json: all that is known, for programs.
type Document struct {
	// Version is [DocumentVersion]. It changes when a field changes its meaning
	// or goes away; new fields do not change it.
	Version int               `json:"version"`
	Report  *gatehouse.Report `json:"report"`
	// Verdict is missing if no policy was evaluated.
	Verdict *gatehouse.Verdict `json:"verdict,omitempty"`
}

func renderJSON(w *bufio.Writer, in Input) error {
	return writeJSON(w, Document{Version: DocumentVersion, Report: withLists(*in.Report), Verdict: verdictWithLists(in.Verdict)})
}

// writeJSON writes v as it is encoded: in one go, a report of many components
// would take its size several times over.
func writeJSON(w *bufio.Writer, v any) error {
	err := jsonv2.MarshalWrite(w, v, json.DefaultOptionsV1(), jsontext.EscapeForHTML(false), jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	return w.WriteByte('\n')
}

// withLists replaces nil by empty lists, as the schema promises.
func withLists(r gatehouse.Report) *gatehouse.Report {
	r.Findings = list(r.Findings)
	r.Components = list(r.Components)
	r.Coverage.Files = list(r.Coverage.Files)
	r.Coverage.Skipped = list(r.Coverage.Skipped)
	r.Coverage.Scanners = list(r.Coverage.Scanners)
	r.Coverage.Gaps = list(r.Coverage.Gaps)
	return &r
}

func verdictWithLists(p *gatehouse.Verdict) *gatehouse.Verdict {
	if p == nil {
		return nil
	}
	v := *p
	v.Reasons = list(v.Reasons)
	v.Policy.Sources = list(v.Policy.Sources)
	v.Violations = list(v.Violations)
	v.Warnings = list(v.Warnings)
	v.Gaps = list(v.Gaps)
	v.Waived = list(v.Waived)
	v.Waivers = list(v.Waivers)
	for i := range v.Waivers {
		if v.Waivers[i].Match == nil {
			v.Waivers = append([]gatehouse.WaiverUse{}, v.Waivers...)
			v.Waivers[i].Match = []string{}
		}
	}
	return &v
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
