package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// countIn counts the elements of all arrays that are members with one of these
// names; "" is an array at the top. It reads token by token, as the document
// may be large and this program must stay small. A document without any such
// array is no document of that program, unless absent says that it leaves out
// what is empty.
func countIn(absentIsNone bool, names ...string) func(io.Reader) (int, error) {
	return func(r io.Reader) (int, error) {
		type level struct {
			array, counted bool
			key            string // of the member that comes next
			wantKey        bool
		}
		var (
			stack = []level{}
			count int
			seen  bool
			any   bool
		)
		dec := json.NewDecoder(r)
		for {
			tok, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return 0, fmt.Errorf("its output is not JSON: %w", err)
			}
			any = true
			var top *level
			if len(stack) > 0 {
				top = &stack[len(stack)-1]
			}
			if d, ok := tok.(json.Delim); ok && (d == '}' || d == ']') {
				stack = stack[:len(stack)-1]
				continue
			}
			if key, ok := tok.(string); ok && top != nil && !top.array && top.wantKey {
				top.key, top.wantKey = key, false
				continue
			}
			name := ""
			if top != nil {
				name = top.key
				top.wantKey = !top.array
				if top.array && top.counted {
					count++
				}
			}
			switch tok {
			case json.Delim('{'):
				stack = append(stack, level{wantKey: true})
			case json.Delim('['):
				counted := slices.Contains(names, name) && (top == nil || !top.array)
				seen = seen || counted
				stack = append(stack, level{array: true, counted: counted})
			}
		}
		if !any || !seen && !absentIsNone {
			return 0, fmt.Errorf("its output has none of %q", names)
		}
		return count, nil
	}
}
