package rules

import (
	"bytes"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/match"
)

// nearest is as far as [Rule.Refuses] looks beyond a match, whatever the rule and
// the text, for base64 that goes on there.
const nearest = 200 + 1

// Around widens a stretch of a text to all that [Rule.Refuses] looks at if a match
// lies in it: the lines of the match up to maxLine, and nearest.
func (r *Rule) Around(text []byte, s match.Span) match.Span {
	most := max(nearest, r.around)
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
