package gatehouse

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
)

// JoinPlatforms makes one report of the reports over the platforms of an image, in
// the order in which they are given. What is the same in several platforms is there
// once, and says in which; the ledger has the files of each.
func JoinPlatforms(target TargetInfo, names []string, parts []*Report) (*Report, error) {
	out := *parts[0]
	target.Files, target.Bytes = 0, 0
	out.Target = target
	out.Findings, out.Components, out.Documents, out.LicenseTexts, out.Ignores, out.SBOMs = []Finding{}, []Component{}, nil, nil, nil, nil
	out.Coverage = Coverage{Files: []FileCoverage{}, Skipped: []Skip{}, Scanners: slices.Clone(out.Coverage.Scanners), Gaps: []Gap{}}
	out.Stats = Stats{}
	findings, components, others := map[string]int{}, map[string]int{}, map[string]bool{}
	for i, part := range parts {
		platform := names[i]
		out.Target.Files += part.Target.Files
		out.Target.Bytes += part.Target.Bytes
		out.Stats.CacheHits += part.Stats.CacheHits
		out.Stats.CacheMisses += part.Stats.CacheMisses
		for _, f := range part.Findings {
			if err := out.joinFinding(findings, platform, f); err != nil {
				return nil, err
			}
		}
		for _, c := range part.Components {
			key, err := sameKey(c)
			if err != nil {
				return nil, err
			}
			at, ok := components[key]
			if !ok {
				at = len(out.Components)
				components[key] = at
				out.Components = append(out.Components, c)
			}
			out.Components[at].Platforms = append(out.Components[at].Platforms, platform)
		}
		for _, d := range part.Documents {
			if key := fmt.Sprint("document ", d.Path, "\x00", d.Index, "\x00", string(d.JSON)); !others[key] {
				others[key] = true
				out.Documents = append(out.Documents, d)
			}
		}
		for _, l := range part.LicenseTexts {
			if isNew, err := addSame(others, "license", l); err != nil {
				return nil, err
			} else if isNew {
				out.LicenseTexts = append(out.LicenseTexts, l)
			}
		}
		for _, g := range part.Ignores {
			if isNew, err := addSame(others, "ignore", g); err != nil {
				return nil, err
			} else if isNew {
				out.Ignores = append(out.Ignores, g)
			}
		}
		for _, b := range part.SBOMs {
			if isNew, err := addSame(others, "sbom", b); err != nil {
				return nil, err
			} else if isNew {
				out.SBOMs = append(out.SBOMs, b)
			}
		}
		out.Coverage.join(part.Coverage, platform, i == 0)
	}
	out.sortJoined()
	return &out, nil
}

// sameKey identifies a value by its content.
func sameKey(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("join the platforms: %w", err)
	}
	sum := sha256.Sum256(b)
	return string(sum[:]), nil
}

func addSame(seen map[string]bool, kind string, v any) (bool, error) {
	key, err := sameKey(v)
	key = kind + key
	isNew := err == nil && !seen[key]
	seen[key] = true
	return isNew, err
}

// joinFinding adds a finding, or the platform to the one that is there. Findings are
// the same if they differ in nothing but the digests of their layers.
func (r *Report) joinFinding(seen map[string]int, platform string, f Finding) error {
	same := f
	same.ID = ""
	if f.Layer != nil {
		same.Layer = &Layer{Base: f.Layer.Base, Hidden: f.Layer.Hidden}
		l := *f.Layer
		l.Platform = platform
		f.Layer = &l
	}
	key, err := sameKey(same)
	if err != nil {
		return err
	}
	at, ok := seen[key]
	if !ok || slices.Contains(r.Findings[at].Platforms, platform) {
		seen[key] = len(r.Findings)
		f.Platforms = []string{platform}
		r.Findings = append(r.Findings, f)
		return nil
	}
	first := &r.Findings[at]
	first.Platforms = append(first.Platforms, platform)
	if f.Layer != nil {
		first.OtherLayers = append(first.OtherLayers, *f.Layer)
	}
	return nil
}

// join adds the ledger of one platform.
func (c *Coverage) join(part Coverage, platform string, first bool) {
	for _, f := range part.Files {
		f.Platform = platform
		c.Files = append(c.Files, f)
	}
	for _, s := range part.Skipped {
		s.Platform = platform
		c.Skipped = append(c.Skipped, s)
	}
	for _, g := range part.Gaps {
		g.Platform = platform
		c.Gaps = append(c.Gaps, g)
	}
	for k, s := range part.Scanners {
		all := &c.Scanners[k]
		if first { // the maps are those of the part
			all.Unmatched, all.Judged = nil, nil
		}
		for ecosystem, n := range s.Unmatched {
			all.addUnmatched(ecosystem, n)
		}
		for kind, n := range s.Judged {
			all.addJudged(kind, n)
		}
		if first {
			continue
		}
		all.Canaries = min(all.Canaries, s.Canaries)
		all.Scanned += s.Scanned
		all.Bytes += s.Bytes
		all.Skipped += s.Skipped
		all.Failed += s.Failed
		all.NotApplicable += s.NotApplicable
		all.Status = worse(all.Status, s.Status)
	}
}

// worse is the status of a scanner over two parts: one to which it does not apply
// takes nothing from the other.
func worse(a, b Status) Status {
	order := []Status{StatusFailed, StatusPartial, StatusComplete, StatusNotApplicable}
	return order[min(slices.Index(order, a), slices.Index(order, b))]
}

func (r *Report) sortJoined() {
	slices.SortStableFunc(r.Findings, compareFindings)
	slices.SortStableFunc(r.Components, compareComponents)
	slices.SortStableFunc(r.LicenseTexts, compareLicenseTexts)
	slices.SortStableFunc(r.Ignores, compareIgnores)
	slices.SortStableFunc(r.SBOMs, compareSBOMs)
	slices.SortStableFunc(r.Documents, func(a, b Document) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Index, b.Index))
	})
	slices.SortStableFunc(r.Coverage.Files, func(a, b FileCoverage) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortStableFunc(r.Coverage.Skipped, func(a, b Skip) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortStableFunc(r.Coverage.Gaps, compareGaps)
	r.setIDs()
}
