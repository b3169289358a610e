package lazy_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/lazy"
)

// TestMatchString: the answer is that of the expression, however often it is
// asked.
func TestMatchString(t *testing.T) {
	for _, expr := range []string{`(?i)(?:^|/)[^/]+\.p(?:12|fx)$`, `\.ya?ml$`, `^$`, `^a`, `b*`} {
		e, re := lazy.New(expr), regexp.MustCompile(expr)
		for i := range 200 {
			s := []string{"a/b.p12", "p12", "b.PFX", "x.yml", "x.yaml.txt", "", "a", "ba", fmt.Sprint(i)}[i%9]
			if got, err := e.MatchString(s); err != nil || got != re.MatchString(s) {
				t.Fatalf("%s in %q: %t, %v; want %t", expr, s, got, err, !got)
			}
		}
	}
	if _, err := lazy.New("(").MatchString("x"); err == nil {
		t.Error("an expression that is none was accepted")
	}
}
