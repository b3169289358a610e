// Package lazy compiles regular expressions when they are first used: most
// rules meet no text that could match in a run, and compiling all of them takes
// longer than reading a small tree.
package lazy

import (
	"fmt"
	"regexp"
	"sync"
)

// Regexp is an expression, in the syntax of package regexp. It is safe for
// concurrent use.
type Regexp struct {
	text func() string
	once sync.Once
	re   *regexp.Regexp
	err  error
}

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
