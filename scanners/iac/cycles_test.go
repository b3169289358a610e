package iac

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

func TestCheckTemplate(t *testing.T) {
	loop := `"A${X}": {Type: "AWS::SNS::Topic"}`
	for i := range 8 {
		loop = fmt.Sprintf(`"Fn::ForEach::L%d": [X, [a, b, c, d, e, f, g, h], {%s}]`, i, loop)
	}
	tests := []struct {
		name, text, want string
	}{
		{"references in a line", "Resources:\n  A: {P: !GetAtt B.C}\n  B: {P: {\"Fn::GetAtt\": [C, D]}}\n  C: {P: !Ref A}\n", ""},
		{"itself", "Resources:\n  A: {P: !GetAtt A.B}\n", "circle"},
		{"a circle of two", "Resources:\n  A: {P: !GetAtt B.C}\n  B: {P: {\"Fn::GetAtt\": [A, D]}}\n", "circle"},
		{"through text", "Resources:\n  A: {P: !Sub \"x${B.C}\"}\n  B: {P: !GetAtt A.D}\n", "circle"},
		{"of conditions", "Conditions:\n  A: !Not [!Condition B]\n  B: {\"Fn::And\": [{Condition: A}]}\n", "circle"},
		{"computed", "Resources:\n  A: {P: {\"Fn::GetAtt\": [{Ref: A}, B]}}\n", "circle"},
		{"in a loop", "Resources:\n  \"Fn::ForEach::L\": [X, [A], {\"B${X}\": {P: !GetAtt BA.P}}]\n", "circle"},
		{"a loop", "Resources:\n  \"Fn::ForEach::L\": [X, [A, B], {\"B${X}\": {P: !Ref X}}]\n", ""},
		{"loops that multiply", "Resources:\n  {" + loop + "}\n", "limit"},
		{"loops over a parameter", "Parameters:\n  P: {Default: \"" + strings.Repeat("a,", 1000) + "\"}\nResources:\n  \"Fn::ForEach::L\": [X, !Ref P, {\"Fn::ForEach::M\": [Y, !Ref P, {\"A${X}${Y}\": {}}]}]\n", "limit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			docs, err := document.Parse([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			err = checkTemplate(docs[0])
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
