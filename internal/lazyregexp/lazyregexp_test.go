package lazyregexp_test

import (
	"testing"

	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

func TestNew(t *testing.T) {
	wrong := lazyregexp.New("(") // is not looked at
	digits := lazyregexp.New("^[0-9]+$")
	if !digits().MatchString("42") || digits().MatchString("x") || digits() != digits() {
		t.Error("the expression is another, or compiled twice")
	}
	defer func() {
		if recover() == nil {
			t.Error("a wrong expression does not panic")
		}
	}()
	wrong()
}
