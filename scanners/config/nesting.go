package config

import (
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// maxOperators bounds the operators of HCL that nest to the right, such as the
// conditional; each costs the parser several stack frames, and a stack beyond
// 1 GiB ends the program.
const maxOperators = 10_000

// checkNesting refuses text that would make a recursive parser run out of
// stack. It counts brackets without regard to strings and comments, so it may
// refuse a file with hundreds of unmatched brackets in its text; it never lets
// a deeper one through.
func checkNesting(format string, data []byte) error {
	depth, unary, conditional, line := 0, 0, 0, 1
	for _, b := range data {
		switch b {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth = max(depth-1, 0)
		case '?', '%':
			conditional++
		case '\n':
			line++
		}
		switch b {
		case '!', '-':
			unary++
		case ' ', '\t', '\r':
		default:
			unary = 0
		}
		if depth > limits.MaxNesting || unary > limits.MaxNesting || conditional > maxOperators {
			return tooDeep(format, line)
		}
	}
	return nil
}
