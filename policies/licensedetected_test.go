package policies

import (
	"slices"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
)

// What a package declares counts; what its files have counts where it declares
// nothing, and is compared where it does.
func TestDetectedLicenses(t *testing.T) {
	for _, tt := range []struct {
		name               string
		declared, detected []string
		choices            [][]string
		undeclared         []string
		fromFiles          bool
	}{
		{name: "nothing", choices: [][]string{}},
		{name: "the same", declared: []string{"MIT"}, detected: []string{"MIT"}, choices: [][]string{{"MIT"}}},
		{name: "nothing declared", detected: []string{"MIT", "AGPL-3.0-only", ""}, choices: [][]string{{"MIT", "AGPL-3.0-only"}}, fromFiles: true},
		{name: "a text that is not known", detected: []string{""}, choices: [][]string{}},
		{name: "declared to be in a file", declared: []string{"SEE LICENSE IN LICENSE.md"}, detected: []string{"BSD-3-Clause"}, choices: [][]string{{"BSD-3-Clause"}}, fromFiles: true},
		{name: "declared to be in a file that is not known", declared: []string{"SEE LICENSE IN x"}, detected: []string{""}, choices: [][]string{{"SEE LICENSE IN x"}}},
		{name: "one of two", declared: []string{"MIT OR Apache-2.0"}, detected: []string{"Apache-2.0"}, choices: [][]string{{"MIT"}, {"Apache-2.0"}}},
		{name: "another", declared: []string{"MIT"}, detected: []string{"AGPL-3.0-only", "MIT"}, choices: [][]string{{"MIT"}}, undeclared: []string{"AGPL-3.0-only"}},
		{name: "later versions and exceptions", declared: []string{"GPL-2.0+ WITH Classpath-exception-2.0"}, detected: []string{"GPL-2.0-only"}, choices: [][]string{{"GPL-2.0-or-later WITH Classpath-exception-2.0"}}},
		{name: "the GPL in the LGPL", declared: []string{"LGPL-3.0-or-later"}, detected: []string{"LGPL-3.0-only", "GPL-3.0-only"}, choices: [][]string{{"LGPL-3.0-or-later"}}},
		{name: "the LGPL in the GPL", declared: []string{"GPL-3.0-only"}, detected: []string{"LGPL-3.0-only"}, choices: [][]string{{"GPL-3.0-only"}}, undeclared: []string{"LGPL-3.0-only"}},
		{name: "an expression in a file", declared: []string{"MIT"}, detected: []string{"MIT OR Zlib"}, choices: [][]string{{"MIT"}}, undeclared: []string{"Zlib"}},
		{name: "not readable", declared: []string{"Free!"}, detected: []string{"MIT"}, choices: [][]string{{"Free!"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := gatehouse.Component{Licenses: tt.declared}
			for _, id := range tt.detected {
				c.DetectedLicenses = append(c.DetectedLicenses, gatehouse.DetectedLicense{License: id, Confidence: 1})
			}
			got := mustInput(t, &gatehouse.Report{Components: []gatehouse.Component{c, c}}).components()[1]
			same := slices.EqualFunc(got.LicenseChoices, tt.choices, slices.Equal[[]string])
			if !same || !slices.Equal(got.LicensesUndeclared, tt.undeclared) || got.LicensesDetected != tt.fromFiles {
				t.Errorf("choices %q, undeclared %q, detected %v", got.LicenseChoices, got.LicensesUndeclared, got.LicensesDetected)
			}
		})
	}
}
