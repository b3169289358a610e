package licensetext_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/scanners/sca/internal/licensetext"
)

func read(tb testing.TB, name string) string {
	tb.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// text gives what the classifier found as "id:line" and, for less than the text
// of the licence itself, "id:line~".
func classify(tb testing.TB, c *licensetext.Classifier, data string) (string, licensetext.Result) {
	tb.Helper()
	r, err := c.Classify([]byte(data))
	if err != nil {
		tb.Fatal(err)
	}
	var ids []string
	for _, m := range r.Matches {
		id := fmt.Sprintf("%s:%d", m.ID, m.Line)
		if m.Confidence < 1 {
			id += "~"
		}
		ids = append(ids, id)
	}
	return strings.Join(ids, " "), r
}

const gplNotice = `This program is free software; you can redistribute it and/or modify
it under the terms of the GNU General Public License as published by
the Free Software Foundation; either version 2 of the License, or
(at your option) any later version.

This program is distributed in the hope that it will be useful,
but WITHOUT ANY WARRANTY; without even the implied warranty of
MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
GNU General Public License for more details.
`

func TestClassify(t *testing.T) {
	mit, bsd, isc := read(t, "texts/MIT.txt"), read(t, "texts/BSD-2-Clause.txt"), read(t, "texts/ISC.txt")
	apache := read(t, "../../../../LICENSE")
	claim := "Copyright (c) 2026 Acme Ltd <legal@acme.test>\n\n"
	var commented strings.Builder
	for line := range strings.Lines(mit) {
		commented.WriteString(" * " + line)
	}
	var c licensetext.Classifier
	for _, tt := range []struct {
		name, text, want string
		known            float64 // at least; below 0: at most
	}{
		{"the text", "The MIT License\n\n" + claim + mit, "MIT:3", 0.95},
		{"in capitals and other lines", claim + strings.ToUpper(strings.ReplaceAll(mit, " ", "\r\n")), "MIT:1", 0.95},
		{"in a comment", "/*\n" + commented.String() + " */\n", "MIT:1", 0.95},
		{"a long one", apache, "Apache-2.0:1", 0.95},
		{"two in a file", claim + mit + "\n---\n\n" + apache, "MIT:1 Apache-2.0:13", 0.95},
		{"three in a file", mit + claim + bsd + claim + isc, "MIT:1 BSD-2-Clause:11 ISC:31", 0.95},
		{"a word more", strings.Replace(claim+mit, "THE SOFTWARE IS PROVIDED", "The Software shall be used for Good, not Evil. THE SOFTWARE IS PROVIDED", 1), "JSON:1", 0.9},
		{"words that differ", claim + strings.ReplaceAll(strings.ReplaceAll(bsd, "THIS SOFTWARE IS", "THIS IS"), "LOSS OF USE", "LOST USE"), "BSD-2-Clause:3~", 0.95},
		{"a notice", gplNotice, "GPL-2.0-or-later:1", 0.95},
		{"one that has another in it", read(t, "texts/FSL-1.1-MIT.txt"), "FSL-1.1-MIT:1~", 0.95},
		{"source-available", read(t, "texts/BUSL-1.1.txt"), "BUSL-1.1:1~", 0.9},
		{"more conditions", claim + mit + strings.Repeat("Nobody may sell what this software computes, nor show it to others in public places.\n", 12), "MIT:1", -0.6},
		{"a condition that is known", mit + "\n\"Commons Clause\" License Condition v1.0\n\n" + read(t, "texts/Commons-Clause.txt"), "MIT:1 Commons-Clause:14~", 0.95},
		{"a tag", "SPDX-License-Identifier: MIT OR Apache-2.0\n", "MIT OR Apache-2.0:1~", 0.9},
		{"an address", "It may be used as https://www.apache.org/licenses/LICENSE-2.0 says, and not otherwise.\n", "Apache-2.0:1~", -0.6},
		{"none", "All of this belongs to Acme. Ask us before you use any of it; we answer within a week.\n", "", -0.01},
		{"a name alone", "MIT\n", "", -0.01},
		{"empty", "", "", -0.01},
		{"binary", strings.Repeat("\x00\xff\x01License", 1000), "", -0.01},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, r := classify(t, &c, tt.text)
			if got != tt.want {
				t.Errorf("found %q, want %q", got, tt.want)
			}
			if tt.known > 0 && r.Known < tt.known || tt.known < 0 && r.Known > -tt.known {
				t.Errorf("%.2f of the words are known, want %v", r.Known, tt.known)
			}
		})
	}
}

// Each text that is compared with must be told from the others.
func TestEachText(t *testing.T) {
	names, err := filepath.Glob("texts/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatal("no texts", err)
	}
	var c licensetext.Classifier
	for _, name := range names {
		id := strings.TrimSuffix(filepath.Base(name), ".txt")
		if got, r := classify(t, &c, read(t, name)); len(r.Matches) != 1 || r.Matches[0].ID != id || r.Known < 0.9 {
			t.Errorf("%s: found %q, %.2f of it", id, got, r.Known)
		}
	}
}

// What is longer than the bound counts as unknown, and takes no longer.
func TestLongText(t *testing.T) {
	var c licensetext.Classifier
	long := strings.Repeat(read(t, "texts/ISC.txt")+"\n", 4*limits.MaxLicenseTextBytes/700)
	start := time.Now()
	got, r := classify(t, &c, long)
	if got != "ISC:1" || r.Known > 0.5 {
		t.Errorf("found %q, %.2f of it", got, r.Known)
	}
	if d := time.Since(start); d > time.Minute {
		t.Errorf("it took %v", d)
	}
	if got, _ := classify(t, &c, strings.Repeat("permission is hereby granted ", 300_000)); got != "" {
		t.Errorf("found %q", got)
	}
}

// The classifier is shared by all files of a scan.
func TestConcurrent(t *testing.T) {
	var c licensetext.Classifier
	text := read(t, "texts/ISC.txt")
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			if got, _ := classify(t, &c, text); got != "ISC:1" {
				t.Errorf("found %q", got)
			}
		})
	}
}

func FuzzClassify(f *testing.F) {
	var c licensetext.Classifier
	f.Add([]byte("SPDX-License-Identifier: MIT"))
	f.Add([]byte(gplNotice))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := c.Classify(data)
		if err != nil {
			t.Fatal(err)
		}
		if r.Known < 0 || r.Known > 1 {
			t.Errorf("%v of the words are known", r.Known)
		}
		for _, m := range r.Matches {
			if m.ID == "" || m.Line < 1 || m.Confidence <= 0 || m.Confidence > 1 {
				t.Errorf("%+v", m)
			}
		}
	})
}
