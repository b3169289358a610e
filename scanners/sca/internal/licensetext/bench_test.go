package licensetext_test

import (
	"testing"

	"github.com/gatehouse-sec/gatehouse/scanners/sca/internal/licensetext"
)

// The first text makes the index of all licences.
func BenchmarkFirstText(b *testing.B) {
	for b.Loop() {
		var c licensetext.Classifier
		if _, err := c.Classify([]byte("no licence at all")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkText(b *testing.B) {
	var c licensetext.Classifier
	text := []byte("Copyright (c) 2026 Acme\n\n" + read(b, "texts/MIT.txt"))
	for b.Loop() {
		if r, err := c.Classify(text); err != nil || len(r.Matches) != 1 {
			b.Fatal(r, err)
		}
	}
}
