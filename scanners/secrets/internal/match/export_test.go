package match

import "context"

// Work counts the bytes that a search gives to expressions.
func (m *Matcher) Work(text []byte) int {
	work, _ := m.find(context.Background(), text, nil, func(int) bool { return true }, func(Match) bool { return true })
	return work
}

// ScreenAtOnce makes the screens of all rules when they are first used.
func (m *Matcher) ScreenAtOnce() { m.screenAfter = 0 }

// FewHeads runs expressions at one hit only, and then over the rest of the text.
func (m *Matcher) FewHeads() { m.maxGiven = 0 }
