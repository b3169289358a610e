package rules

import (
	"bytes"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/match"
)

// nearest is as far as [Rule.Refuses] looks beyond a match, whatever the rule and
// the text, for base64 that goes on there.
const nearest = 200 + 1

// Around widens a stretch of a text to all that [Rule.Refuses] looks at if a match
// lies in it: the lines of the match up to maxLine, and nearest; around what may
// be a test vector, as far as the others may be.
func (r *Rule) Around(text []byte, s match.Span) match.Span {
	most := max(nearest, r.around)
	if r.Category == Generic && hasHexadecimal(text[s.Start:s.End]) {
		most = max(most, vectorBytes)
	}
	lo, hi := max(0, s.Start-maxLine), min(len(text), s.End+maxLine)
	start, end := lo, hi
	if i := bytes.LastIndexByte(text[lo:s.Start], '\n'); i >= 0 {
		start = lo + i // with the line feed, by which the line is known to begin
	}
	if i := bytes.IndexByte(text[s.End:hi], '\n'); i >= 0 {
		end = s.End + i + 1
	}
	return match.Span{Start: min(start, max(0, s.Start-most)), End: max(end, min(len(text), s.End+most))}
}

// hasHexadecimal reports whether there is a run of minVector hexadecimal digits.
func hasHexadecimal(text []byte) bool {
	for low := 0; low+minVector <= len(text); {
		at := low + minVector - 1
		for at >= low && isHexadecimal(text[at]) {
			at--
		}
		if at < low {
			return true
		}
		low = at + 1
	}
	return false
}

func isHexadecimal(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

// minVector is the length of the shortest value that [hexadecimal] matches.
const minVector = 24
