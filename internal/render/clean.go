package render

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-sec/gatehouse"
)

// clean returns s as one line that is safe on a terminal and in a build log.
// Control characters, invisible characters, changes of direction and invalid
// UTF-8 become visible escapes.
//
// Build systems obey commands in what a program prints: GitHub Actions obeys
// lines that start with "::" (github.com/actions/runner, ActionCommand.cs,
// TryParseV2), and like Azure Pipelines and TeamCity it obeys "##[...",
// "##vso[..." and "##teamcity[..." anywhere. A line may start at any word once
// it is wrapped.
func clean(s string) string {
	var b strings.Builder
	wordStart := true
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		rest := s[i:]
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteByte(' ')
		case r == ':' && wordStart && strings.HasPrefix(rest, "::"):
			b.WriteString(`\x3a`)
		case r == '#' && isLogCommand(rest):
			b.WriteString(`\x23`)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		case !unicode.IsPrint(r) || unicode.Is(unicode.Cf, r):
			if r > 0xffff {
				fmt.Fprintf(&b, `\U%08x`, r)
			} else {
				fmt.Fprintf(&b, `\u%04x`, r)
			}
		default:
			b.WriteRune(r)
		}
		wordStart = r == ' ' || r == '\t'
		i += n
	}
	return b.String()
}

// isLogCommand reports whether s starts with "##", letters and "[".
func isLogCommand(s string) bool {
	rest, ok := strings.CutPrefix(s, "##")
	return ok && strings.HasPrefix(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"), "[")
}

// wrap breaks s at spaces into lines of at most width columns. A longer word
// stands alone on its line and is not cut, so that paths can be copied.
func wrap(s string, width int) []string {
	var lines []string
	line, used := "", 0
	for word := range strings.FieldsSeq(s) {
		n := utf8.RuneCountInString(word)
		if used > 0 && used+1+n > width {
			lines = append(lines, line)
			line, used = "", 0
		}
		if used > 0 {
			line += " "
			used++
		}
		line += word
		used += n
	}
	if used > 0 {
		lines = append(lines, line)
	}
	return lines
}

// clip shortens s to at most n columns and marks the cut.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return strings.TrimRight(string(r[:max(n-1, 0)]), " ") + "…"
}

// pad fills s with spaces up to n columns.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(n-utf8.RuneCountInString(s), 0))
}

// count is "1 file" or "2 files".
func count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%s %s", thousands(n), plural(one))
}

func plural(one string) string {
	switch {
	case strings.HasSuffix(one, "cy"), strings.HasSuffix(one, "ry"), strings.HasSuffix(one, "ty"):
		return one[:len(one)-1] + "ies"
	}
	return one + "s"
}

// thousands writes n with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// bytesText is a size for people.
func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return count(int(n), "byte")
}

// severityCounts is such as "2 critical, 3 high"; empty for none.
func severityCounts(counts map[gatehouse.Severity]int) string {
	var parts []string
	all := gatehouse.Severities()
	for i := len(all) - 1; i >= 0; i-- {
		if n := counts[all[i]]; n > 0 {
			parts = append(parts, thousands(n)+" "+strings.ToLower(all[i].String()))
		}
	}
	return strings.Join(parts, ", ")
}

// some joins at most n of all, and says how many are left out.
func some(all []string, n int) string {
	if len(all) <= n {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:n], ", "), len(all)-n)
}

// firstOf returns the first string that is not empty.
func firstOf(all ...string) string {
	for _, s := range all {
		if strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}
