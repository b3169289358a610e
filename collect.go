package gatehouse

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// report puts the results of all calls together, in an order that does not
// depend on which came first.
func (s *scan) report() *Report {
	r := &Report{
		Version:    ReportVersion,
		Tool:       s.opts.Tool,
		Target:     TargetInfo{Kind: s.target.Kind, Name: s.target.Name},
		Databases:  s.opts.Databases,
		Findings:   []Finding{},
		Components: []Component{},
		Coverage: Coverage{
			Files:    make([]FileCoverage, 0, len(s.files)),
			Skipped:  append([]Skip{}, s.found.skipped...),
			Scanners: make([]ScannerCoverage, len(s.scanners)),
			Gaps:     append([]Gap{}, s.found.gaps...),
		},
		Stats: s.stats,
	}
	var components [][]Component // joined once: there may be many
	take := func(k int, res result) {
		for _, c := range res.Components {
			if c.Unmatched != "" {
				r.Coverage.Scanners[k].addUnmatched(c.Ecosystem, 1)
			}
		}
		for kind, n := range res.Judged {
			r.Coverage.Scanners[k].addJudged(kind, n)
		}
		r.Findings = append(r.Findings, res.Findings...)
		components = append(components, res.Components)
		r.Documents = append(r.Documents, res.Documents...)
		r.Coverage.Gaps = append(r.Coverage.Gaps, res.Gaps...)
		r.LicenseTexts = append(r.LicenseTexts, res.LicenseTexts...)
		r.Ignores = append(r.Ignores, res.Ignores...)
		r.SBOMs = append(r.SBOMs, res.SBOMs...)
	}
	for k, sc := range s.scanners {
		r.Coverage.Scanners[k] = ScannerCoverage{Name: sc.Name, Version: sc.Version, Reads: sc.Reads,
			RulesDigest: sc.RulesDigest, OptionsDigest: sc.OptionsDigest, DatabaseDigest: sc.DatabaseDigest, Rules: len(sc.Rules)}
	}
	listing := sha256.New()
	for i := range s.files {
		f := &s.files[i]
		if f.digest != "" {
			fmt.Fprintf(listing, "%s  %q\n", f.digest, f.info.Path)
			r.Target.Files++
			r.Target.Bytes += f.info.Bytes
		}
		r.Coverage.Files = append(r.Coverage.Files, s.fileCoverage(f, r, take))
	}
	r.Target.Digest = "sha256:" + hex.EncodeToString(listing.Sum(nil))
	for _, g := range s.groups {
		if g.outcome == nil {
			continue
		}
		take(g.scanner, g.outcome.result)
		if err := g.outcome.err; err != nil {
			gap := Gap{Code: err.Code, Scanner: s.scanners[g.scanner].Name, Path: g.group.Dir, Line: err.Line, Entry: g.group.Type, Reason: err.Reason}
			if len(g.group.Owned) == 1 { // a file with its context
				gap.Path, gap.Entry = g.group.Owned[0], ""
			}
			r.Coverage.Gaps = append(r.Coverage.Gaps, gap)
		}
	}
	s.finishScanners(r)
	if all := slices.Concat(components...); all != nil {
		r.Components = all
	}

	slices.SortStableFunc(r.Findings, compareFindings)
	slices.SortFunc(r.Components, compareComponents)
	slices.SortStableFunc(r.LicenseTexts, compareLicenseTexts)
	r.attachLicenses()
	slices.SortFunc(r.Coverage.Skipped, func(a, b Skip) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(r.Coverage.Gaps, compareGaps)
	slices.SortStableFunc(r.Ignores, compareIgnores)
	slices.SortStableFunc(r.SBOMs, compareSBOMs)
	slices.SortFunc(r.Documents, func(a, b Document) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Index, b.Index))
	})
	r.Findings = mergeSecrets(r.Findings)
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Secret != nil && f.History == nil {
			f.Secret.SuppressedIn = nil // it came with no commit
		}
	}
	r.setIDs()
	return r
}

// setIDs names findings and gaps, which are sorted.
func (r *Report) setIDs() {
	seen := map[string]int{}
	for i := range r.Findings {
		r.Findings[i].ID = unique(seen, r.Findings[i].Fingerprint)
	}
	for i := range r.Coverage.Gaps {
		g := &r.Coverage.Gaps[i]
		sum := sha256.Sum256([]byte(strings.Join([]string{string(g.Code), g.Scanner, g.Path, g.Entry}, "\x00")))
		g.ID = unique(seen, "gap-"+hex.EncodeToString(sum[:8]))
	}
}

func (c *ScannerCoverage) addJudged(kind string, n int) {
	if c.Judged == nil {
		c.Judged = map[string]int{}
	}
	c.Judged[kind] += n
}

func (c *ScannerCoverage) addUnmatched(ecosystem string, n int) {
	if c.Unmatched == nil {
		c.Unmatched = map[string]int{}
	}
	c.Unmatched[ecosystem] += n
}

// mergeSecrets makes one finding of all that are about the same secret, by the
// first of them; findings are sorted. A secret that counts in one place is not
// merged with one that is suppressed, and what comes from a history stays apart:
// each has its own commit.
func mergeSecrets(findings []Finding) []Finding {
	type key struct {
		rule, fingerprint string
		suppressed        bool
	}
	first := map[key]int{}
	out := findings[:0]
	for _, f := range findings {
		if f.Kind != KindSecret || f.Secret == nil || f.Fingerprint == "" || f.History != nil {
			out = append(out, f)
			continue
		}
		k := key{f.Rule, f.Fingerprint, f.Suppressed != nil}
		i, ok := first[k]
		if !ok {
			first[k] = len(out)
			out = append(out, f)
			continue
		}
		if last := out[i].Also; f.Location != out[i].Location && (len(last) == 0 || last[len(last)-1] != f.Location) {
			out[i].Also = append(last, f.Location)
		}
	}
	return out
}

// unique returns id, or id with a number if it was seen before.
func unique(seen map[string]int, id string) string {
	seen[id]++
	if n := seen[id]; n > 1 {
		return fmt.Sprintf("%s-%d", id, n)
	}
	return id
}

// fileCoverage says how a file ended for each scanner, and adds what was found
// in it and what is missing to the report.
func (s *scan) fileCoverage(f *fileState, r *Report, take func(int, result)) FileCoverage {
	fc := FileCoverage{Path: f.info.Path, Version: f.info.Version, Bytes: f.info.Bytes, SHA256: f.digest}
	if f.info.Version == f.digest {
		fc.SHA256 = ""
	}
	wanted := false
	for k, sc := range s.scanners {
		c := &r.Coverage.Scanners[k]
		fail := func(reason string) {
			c.Failed++
			fc.Failed = append(fc.Failed, ScannerReason{sc.Name, reason})
		}
		scanned := func() {
			c.Scanned++
			c.Bytes += f.info.Bytes
			if f.wants[k].Aside {
				s.aside[k]++
			}
			fc.Scanned = append(fc.Scanned, sc.Name)
		}
		own := f.results[k]
		group := f.owner[k]
		if own != nil {
			take(k, own.result.of(f.info.Version))
		}
		switch {
		case group == nil && !f.wants[k].Scan && f.wants[k].Skip == "":
			c.NotApplicable++
			fc.NotApplicable = append(fc.NotApplicable, sc.Name)
		case group == nil && !f.wants[k].Scan:
			c.Skipped++
			fc.Skipped = append(fc.Skipped, ScannerReason{sc.Name, f.wants[k].Skip})
		case f.readErr != nil:
			wanted = true
			fail(f.readErr.Reason)
		case own != nil && own.err != nil:
			fail(own.err.Reason)
			r.Coverage.Gaps = append(r.Coverage.Gaps, Gap{Code: own.err.Code, Scanner: sc.Name, Path: f.info.Path, Line: own.err.Line, Entry: versionEntry(f.info.Version), Reason: own.err.Reason})
		case own != nil && own.result.Skip != "":
			c.Skipped++
			fc.Skipped = append(fc.Skipped, ScannerReason{sc.Name, own.result.Skip})
		case own != nil:
			scanned()
		case group.outcome == nil:
			fail("the group it belongs to was not looked at")
			r.Coverage.Gaps = append(r.Coverage.Gaps, Gap{Code: GapUnreadable, Scanner: sc.Name, Path: f.info.Path, Reason: "the group it belongs to was not looked at"})
		case group.outcome.err != nil:
			fail(group.outcome.err.Reason) // the group has one gap for all its files
		case group.outcome.result.Failed[f.info.Path] != "":
			reason := clip(group.outcome.result.Failed[f.info.Path])
			fail(reason)
			r.Coverage.Gaps = append(r.Coverage.Gaps, Gap{Code: GapParse, Scanner: sc.Name, Path: f.info.Path, Reason: reason})
		case group.outcome.result.Skipped[f.info.Path] != "":
			c.Skipped++
			fc.Skipped = append(fc.Skipped, ScannerReason{sc.Name, group.outcome.result.Skipped[f.info.Path]})
		default:
			scanned()
		}
	}
	// A file that nobody wanted still belongs to the target: what its digest
	// cannot vouch for is a gap as well.
	if f.readErr != nil && (wanted || f.digest == "") {
		r.Coverage.Gaps = append(r.Coverage.Gaps, Gap{Code: f.readErr.Code, Path: f.info.Path, Entry: versionEntry(f.info.Version), Reason: f.readErr.Reason})
	}
	return fc
}

// of says of which version of its file a result is.
func (r result) of(version string) result {
	if version == "" {
		return r
	}
	for i := range r.Findings {
		r.Findings[i].History = &History{Blob: version}
	}
	for i := range r.Gaps {
		if r.Gaps[i].Entry == "" {
			r.Gaps[i].Entry = versionEntry(version)
		}
	}
	return r
}

// versionEntry names a version in a gap.
func versionEntry(version string) string {
	if version == "" {
		return ""
	}
	return "version " + version[:min(len(version), 12)]
}

// finishScanners sets the status of each scanner and adds what its canaries
// said.
func (s *scan) finishScanners(r *Report) {
	partial := map[string]bool{}
	for _, g := range r.Coverage.Gaps {
		partial[g.Scanner] = true
	}
	for k, sc := range s.scanners {
		c := &r.Coverage.Scanners[k]
		c.Canaries = len(sc.Canaries) - len(s.canaries[k])
		r.Coverage.Gaps = append(r.Coverage.Gaps, s.canaries[k]...)
		switch {
		case len(s.canaries[k]) > 0:
			c.Status = StatusFailed
		case c.Failed > 0 || partial[sc.Name]:
			c.Status = StatusPartial
		case c.Scanned == s.aside[k]:
			c.Status = StatusNotApplicable
		default:
			c.Status = StatusComplete
		}
	}
}
