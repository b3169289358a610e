package secrets

import (
	"context"
	"sync"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/match"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/views"
)

// findIn is find. In a version of a file it looks only around what is not in the
// version before, and where that had secrets; see [match.Matcher.FindChanged].
// Only the text of the file itself is treated so: what is decoded from it depends
// on more than what is near a change, and is looked at in full.
func (s *scanner) findIn(ctx context.Context, v *views.View, f *gatehouse.File) (matches []match.Match, all bool, err error) {
	if f.Version == "" || !v.IsFile() || !sameBytes(v.Text, f.Data) {
		return s.find(ctx, v)
	}
	var trace *match.Trace
	if old := s.versions.get(fileVersion{f.Path, f.Base}); old != nil && f.Base != "" {
		ok := false
		var kept []match.Match
		matches, all, err = s.accepted(v, func(wants func(int) bool, found func(match.Match) bool) (err error) {
			trace, ok, err = s.matcher.FindChanged(ctx, v.Text, old, f.Same, wants, s.around, found,
				func(m match.Match) { kept = append(kept, m) })
			return err
		})
		if err != nil {
			return nil, false, err
		}
		if matches = append(matches, kept...); ok && all && len(matches) < limits.MaxFindingsPerFile {
			s.remember(f, trace, matches)
			return matches, true, nil
		}
	}
	matches, all, err = s.accepted(v, func(wants func(int) bool, found func(match.Match) bool) (err error) {
		trace, err = s.matcher.FindTraced(ctx, v.Text, wants, found)
		return err
	})
	if err == nil && all && trace.Useful() {
		s.remember(f, trace, matches)
	}
	return matches, all, err
}

func (s *scanner) remember(f *gatehouse.File, t *match.Trace, matches []match.Match) {
	t.Keep(matches)
	s.versions.put(fileVersion{f.Path, f.Version}, t)
}

func (s *scanner) around(text []byte, rule int, at match.Span) match.Span {
	return s.rules[rule].Around(text, at)
}

// fileVersion is one version of a file.
type fileVersion struct{ path, version string }

// versions keeps traces. It forgets those that were not used for longest; that
// costs time, and changes no result.
type versions struct {
	mu         sync.Mutex
	young, old map[fileVersion]*match.Trace
	bytes      int // of young
}

func (k *versions) get(v fileVersion) *match.Trace {
	k.mu.Lock()
	defer k.mu.Unlock()
	if t := k.young[v]; t != nil {
		return t
	}
	t := k.old[v]
	if t != nil {
		k.add(v, t)
	}
	return t
}

func (k *versions) put(v fileVersion, t *match.Trace) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.add(v, t)
}

func (k *versions) add(v fileVersion, t *match.Trace) {
	if k.bytes > limits.TraceBytes/2 {
		k.old, k.young, k.bytes = k.young, nil, 0
	}
	if k.young == nil {
		k.young = map[fileVersion]*match.Trace{}
	}
	k.young[v] = t
	k.bytes += t.Size() + len(v.version) + 64
}

// sameBytes reports whether two texts are the same memory, which text in UTF-16
// is not, as it was converted.
func sameBytes(a, b []byte) bool {
	return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0]
}
