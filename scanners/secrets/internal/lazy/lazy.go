// Package lazy compiles regular expressions when they are first used: most
// rules meet no text that could match in a run, and compiling all of them takes
// longer than reading a small tree.
package lazy

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"sync"
	"sync/atomic"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/screen"
)

// Regexp is an expression, in the syntax of package regexp. It is safe for
// concurrent use.
type Regexp struct {
	text func() string
	once sync.Once
	re   *regexp.Regexp
	err  error
	// uses counts up to screenAfter; then there is a screen, unless it is nil.
	uses     atomic.Int32
	screened sync.Once
	screen   *screen.Screen
}

// screenAfter is how many strings are looked at before a screen is made.
const screenAfter = 32

// New returns an expression that is not looked at yet.
func New(text string) *Regexp { return &Regexp{text: func() string { return text }} }

// Make returns an expression whose text is made when it is needed.
func Make(text func() string) *Regexp { return &Regexp{text: text} }

// Of returns an expression that is compiled already.
func Of(re *regexp.Regexp) *Regexp {
	e := &Regexp{text: re.String, re: re}
	e.once.Do(func() {})
	return e
}

// String returns the text of the expression.
func (e *Regexp) String() string { return e.text() }

// Compiled returns the compiled expression.
func (e *Regexp) Compiled() (*regexp.Regexp, error) {
	e.once.Do(func() {
		if e.re, e.err = regexp.Compile(e.text()); e.err != nil {
			e.err = fmt.Errorf("compile expression: %w", e.err)
		}
	})
	return e.re, e.err
}

// MatchString reports whether there is a match in a short string such as a path.
// It is quick to tell that there is none.
func (e *Regexp) MatchString(s string) (bool, error) {
	re, err := e.Compiled()
	if err != nil {
		return false, err
	}
	if e.uses.Load() < screenAfter {
		e.uses.Add(1)
		return re.MatchString(s), nil
	}
	e.screened.Do(func() {
		if tree, err := syntax.Parse(re.String(), syntax.Perl); err == nil {
			e.screen = screen.New(tree)
		}
	})
	if e.screen != nil && !e.screen.MayString(s) {
		return false, nil
	}
	return re.MatchString(s), nil
}
