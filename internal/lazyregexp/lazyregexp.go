// Package lazyregexp compiles regular expressions when they are first used. If
// they were compiled when the program starts, those for formats that a target
// does not have would cost each call of the command.
package lazyregexp

import (
	"regexp"
	"sync"
)

// New returns an expression, in the syntax of package regexp, that its first
// call compiles. It is safe for concurrent use. If the expression is wrong, the
// call panics.
func New(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
