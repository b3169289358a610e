package gatehouse

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// call runs one call of a scanner: from the cache if it can, with a time
// limit, and without letting a panic through.
func (s *scan) call(ctx context.Context, k int, key [32]byte, path string, f func(context.Context, *Pass) error) *callOutcome {
	if r, ok := s.cached(key); ok {
		return &callOutcome{result: r, err: r.Err}
	}
	pass := &Pass{scanner: s.scanners[k], maxFindings: limits.MaxFindingsPerFile, path: path}
	err, returned := guard(ctx, s.opts.FileTimeout, func(ctx context.Context) error { return f(ctx, pass) })
	if !returned {
		// The call may still be adding to the pass, so nothing of it is used.
		return &callOutcome{err: err, abandoned: true}
	}
	out := &callOutcome{result: pass.finish(), err: err}
	s.mask(out)
	// Documents may hold secrets. What ends with the scan says nothing about
	// the content.
	if (err == nil || err.lasting()) && ctx.Err() == nil && len(out.result.Documents) == 0 {
		kept := out.result
		kept.Err = err
		s.store(key, kept)
	}
	return out
}

// lasting reports whether an error is about the content alone: a crash, a
// time-out or a database that could not be read may go well the next time.
func (u *Unscannable) lasting() bool {
	switch u.Code {
	case GapParse, GapTooLarge, GapTooMany, GapUnresolved, GapUnknown:
		return true
	}
	return false
}

// mask masks secrets in what a scanner says about what it could not look at:
// errors of parsers quote what they stumble over.
func (s *scan) mask(out *callOutcome) {
	if s.opts.Mask == nil {
		return
	}
	if out.err != nil {
		out.err.Reason = s.opts.Mask(out.err.Reason)
	}
	r := &out.result
	for i := range r.Gaps {
		r.Gaps[i].Reason, r.Gaps[i].Entry = s.opts.Mask(r.Gaps[i].Reason), s.opts.Mask(r.Gaps[i].Entry)
	}
	for path, reason := range r.Failed {
		r.Failed[path] = s.opts.Mask(reason)
	}
	r.Skip = s.opts.Mask(r.Skip)
}

// guard calls f in a goroutine of its own, so that neither a panic nor a hang
// takes the scan with it. If returned is false, f may still be running.
func guard(ctx context.Context, timeout time.Duration, f func(context.Context) error) (_ *Unscannable, returned bool) {
	// A scanner that heeds its context gets to say how far it came; one that
	// does not is left behind a little later.
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- &Unscannable{Code: GapPanic, Reason: clip(fmt.Sprintf("the scanner crashed: %v%s", r, panicPlace()))}
			}
		}()
		done <- f(ctx)
	}()
	tooLong := &Unscannable{Code: GapTimeout, Reason: fmt.Sprintf("the scanner took longer than %s", timeout)}
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		grace := time.NewTimer(time.Second)
		defer grace.Stop()
		select {
		case err = <-done:
		case <-grace.C:
			return tooLong, false
		}
	}
	if err == nil {
		return nil, true
	}
	if u, ok := errors.AsType[*Unscannable](err); ok {
		u.Reason = clip(u.Reason)
		return u, true
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return tooLong, true
	}
	return &Unscannable{Code: GapParse, Reason: clip(err.Error())}, true
}

// panicPlace names the function that panicked: the first frame above the
// runtime's.
func panicPlace() string {
	pc := make([]uintptr, 16)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)])
	for {
		f, more := frames.Next()
		if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") && !strings.HasPrefix(f.Function, "github.com/gatehouse-sec/gatehouse.guard") {
			return " in " + f.Function
		}
		if !more {
			return ""
		}
	}
}

func (s *scan) cached(key [32]byte) (r result, ok bool) {
	if s.opts.Cache == nil {
		return r, false
	}
	b, ok := s.opts.Cache.Get(key)
	if ok && len(b) > 0 {
		ok = json.Unmarshal(b, &r) == nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok {
		s.stats.CacheMisses++
		return result{}, false
	}
	s.stats.CacheHits++
	return r, true
}

func (s *scan) store(key [32]byte, r result) {
	if s.opts.Cache == nil {
		return
	}
	if r.empty() {
		s.opts.Cache.Put(key, nil)
		return
	}
	if b, err := json.Marshal(r); err == nil {
		s.opts.Cache.Put(key, b)
	}
}

// runCanaries gives a scanner its known-bad samples, without cache.
func (s *scan) runCanaries(ctx context.Context, k int) {
	sc := s.scanners[k]
	for _, c := range sc.Canaries {
		data := c.Data()
		sum := sha256.Sum256(data)
		file := &File{FileInfo: FileInfo{Path: c.Path, Bytes: int64(len(data)), Mode: 0o644}, Data: data, Digest: hex.EncodeToString(sum[:])}
		pass := &Pass{scanner: sc, maxFindings: limits.MaxFindingsPerFile, path: c.Path}
		err, returned := guard(ctx, s.opts.FileTimeout, func(ctx context.Context) error { return sc.ScanFile(ctx, file, pass) })
		reason := ""
		switch {
		case err != nil:
			reason = fmt.Sprintf("the scanner could not look at its known-bad sample, so its silence means nothing: %s", err.Reason)
		case !returned || !c.found(&pass.result):
			reason = fmt.Sprintf("the scanner missed what is to be found in its known-bad sample (%s), so its silence means nothing", cmp.Or(c.Rule, "documents"))
		default:
			continue
		}
		s.canaries[k] = append(s.canaries[k], Gap{Code: GapCanary, Scanner: sc.Name, Entry: c.Name, Reason: reason})
	}
}

func (c *Canary) found(r *result) bool {
	if c.Rule == "" {
		return len(r.Documents) == c.Documents
	}
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.matches(c.Rule) })
}

func (f *Finding) matches(rule string) bool {
	return f.Rule == rule || f.Vulnerability != nil && slices.Contains(f.Vulnerability.Aliases, rule)
}

func (r *result) empty() bool {
	return len(r.Findings) == 0 && len(r.Components) == 0 && len(r.Gaps) == 0 && len(r.LicenseTexts) == 0 && len(r.Ignores) == 0 && len(r.Judged) == 0 && r.Skip == "" && len(r.Failed) == 0 && len(r.Skipped) == 0 && r.Err == nil
}

func (s *scan) fileKey(scanner int, f *File) (key [32]byte) {
	if s.opts.Cache == nil {
		return key
	}
	h := sha256.New()
	writeKey(h, s.keys[scanner], "file", f.Path, f.Digest)
	return [32]byte(h.Sum(nil))
}

func (sc *Scanner) groupKey(prefix string, g *Group) [32]byte {
	h := sha256.New()
	writeKey(h, prefix, "group", g.Type, g.Dir)
	for _, list := range [][]string{g.Owned, g.Context} {
		for _, p := range list {
			if f := g.Files[p]; f != nil {
				writeKey(h, p, f.Digest)
			}
		}
		writeKey(h, "")
	}
	return [32]byte(h.Sum(nil))
}

func writeKey(h hash.Hash, parts ...string) {
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
}

// clip makes a message of foreign origin fit for a report: one line of
// printable text, at most 400 bytes.
func clip(s string) string {
	const max = 400
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r == 0x7f || r == '\ufffd':
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > max {
		s = strings.ToValidUTF8(s[:max], "") + " …"
	}
	return s
}
