package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// remedy is a kind of thing to do, such as "upgrade 3 packages", with an entry
// for each.
type remedy struct {
	// title is in the imperative: "Upgrade 3 packages".
	title string
	// policies are the rules that ask for it; empty for a scan.
	policies []string
	entries  []entry
	// note is what all entries have to say; empty if they differ.
	note     string
	severity gatehouse.Severity
	order    int
}

// entry is one thing to do.
type entry struct {
	severity gatehouse.Severity
	// what to act on, such as "lodash 4.17.15 → 4.17.21".
	what string
	// places are where, in order, without repetition.
	places []gatehouse.Location
	// notes say more, the most useful first.
	notes  []string
	issues []issue
}

// remedies groups issues by what to do about them: most urgent first. All
// advisories that one upgrade fixes are one entry.
func remedies(all []issue) []remedy {
	var secrets, upgrades, unfixed, config, licenses, policy []issue
	for _, is := range all {
		switch is.kind() {
		case gatehouse.KindSecret:
			secrets = append(secrets, is)
		case gatehouse.KindVulnerability:
			if v := is.finding.Vulnerability; v != nil && fixedVersion(v) != "" {
				upgrades = append(upgrades, is)
			} else {
				unfixed = append(unfixed, is)
			}
		case gatehouse.KindMisconfiguration:
			config = append(config, is)
		case gatehouse.KindLicense:
			licenses = append(licenses, is)
		default:
			policy = append(policy, is)
		}
	}
	var out []remedy
	add := func(issues []issue, entries []entry, title string) {
		if len(entries) == 0 {
			return
		}
		r := remedy{title: title, entries: entries, order: len(out)}
		for _, is := range issues {
			r.severity = max(r.severity, is.severity)
			for _, p := range is.policies() {
				if !slices.Contains(r.policies, p) {
					r.policies = append(r.policies, p)
				}
			}
		}
		slices.Sort(r.policies)
		r.note = shareNote(r.entries)
		out = append(out, r)
	}
	e := group(secrets, secretKey, secretEntry)
	add(secrets, e, "Rotate and remove "+count(len(e), "secret"))
	e = group(upgrades, packageKey, upgradeEntry)
	add(upgrades, e, "Upgrade "+count(len(e), "package"))
	e = group(unfixed, packageKey, unfixedEntry)
	add(unfixed, e, "Replace or waive "+count(len(e), "package")+" without a fixed version")
	e = group(config, configKey, configEntry)
	add(config, e, fmt.Sprintf("Change %s in %s", count(len(e), "setting"), count(countPaths(config), "file")))
	e = group(licenses, licenseKey, licenseEntry)
	add(licenses, e, "Replace or waive "+count(len(e), "package")+" for the licence")
	e = group(policy, policyKey, policyEntry)
	add(policy, e, "Resolve "+count(len(e), "policy objection"))
	slices.SortStableFunc(out, func(a, b remedy) int {
		return cmp.Or(-cmp.Compare(a.severity, b.severity), cmp.Compare(a.order, b.order))
	})
	return out
}

// shareNote takes the last note out of all entries if they agree on it.
func shareNote(entries []entry) string {
	if len(entries) < 2 {
		return ""
	}
	last := func(e *entry) string {
		if len(e.notes) == 0 {
			return ""
		}
		return e.notes[len(e.notes)-1]
	}
	note := last(&entries[0])
	for i := range entries {
		if last(&entries[i]) != note {
			return ""
		}
	}
	if note != "" {
		for i := range entries {
			entries[i].notes = entries[i].notes[:len(entries[i].notes)-1]
		}
	}
	return note
}

// group makes one entry for all issues with the same key, worst first.
func group(all []issue, key func(*issue) string, build func([]issue) entry) []entry {
	groups := map[string][]issue{}
	var keys []string
	for _, is := range all {
		k := key(&is)
		if groups[k] == nil {
			keys = append(keys, k)
		}
		groups[k] = append(groups[k], is)
	}
	entries := make([]entry, 0, len(keys))
	for _, k := range keys {
		e := build(groups[k])
		e.issues = groups[k]
		seen := map[gatehouse.Location]bool{}
		for _, is := range groups[k] {
			e.severity = max(e.severity, is.severity)
			if is.location.Path != "" && !seen[is.location] {
				seen[is.location] = true
				e.places = append(e.places, is.location)
			}
			if is.inImage != "" {
				e.notes = appendNew(e.notes, is.inImage)
			}
			if is.finding == nil {
				continue
			}
			for _, l := range is.finding.Also {
				if !seen[l] {
					seen[l] = true
					e.places = append(e.places, l)
				}
			}
		}
		slices.SortFunc(e.places, func(a, b gatehouse.Location) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		entries = append(entries, e)
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return -cmp.Compare(a.severity, b.severity) })
	return entries
}

// A secret that occurs in several places has one fingerprint.
func secretKey(is *issue) string { return is.rule + "\x00" + firstOf(is.finding.Fingerprint, is.id) }

func secretEntry(all []issue) entry {
	e := entry{what: all[0].title}
	if s := all[0].finding.Secret; s != nil && s.Redacted != "" {
		e.notes = append(e.notes, s.Redacted)
	}
	for _, is := range all {
		s, h := is.finding.Secret, is.finding.History
		if s != nil && s.Within != "" {
			e.notes = appendNew(e.notes, "in "+s.Within)
		}
		if s != nil && s.Confidence == gatehouse.ConfidenceLow {
			e.notes = appendNew(e.notes, "low confidence: "+s.Why)
		}
		if s := is.finding.Suppressed; s != nil {
			e.notes = appendNew(e.notes, "suppressed by "+s.String())
		}
		if h != nil {
			e.notes = appendNew(e.notes, h.String())
		}
	}
	return addFix(e, all[0].fix)
}

// appendNew appends a note that is not there yet, up to a few.
func appendNew(notes []string, note string) []string {
	const max = 5
	if len(notes) >= max || slices.Contains(notes, note) {
		return notes
	}
	return append(notes, note)
}

func packageKey(is *issue) string {
	if v := is.finding.Vulnerability; v != nil {
		return v.Package.Ecosystem + "\x00" + v.Package.Name
	}
	return is.id
}

func upgradeEntry(all []issue) entry {
	target := ""
	for _, is := range all {
		v := is.finding.Vulnerability
		if t := fixedVersion(v); target == "" || compareVersions(t, target) > 0 {
			target = t
		}
	}
	e := entry{
		what:  packageText(all) + " → " + target,
		notes: []string{advisoriesText("fixes", all)},
	}
	e.notes = knownNotes(e.notes, all)
	for _, is := range all {
		if u := is.finding.Vulnerability.Upgrade; u != nil && u.How != "" {
			e.notes = appendNew(e.notes, u.How)
			break
		}
	}
	return e
}

// knownNotes say what makes a vulnerability more or less urgent than its
// severity does.
func knownNotes(notes []string, all []issue) []string {
	for _, is := range all {
		v := is.finding.Vulnerability
		if v == nil {
			continue
		}
		if v.Exploited != "" {
			notes = appendNew(notes, fmt.Sprintf("%s is known to be exploited since %s", is.rule, v.Exploited))
		}
		if x := v.VEX; x != nil {
			note := fmt.Sprintf("%s: %s according to %s", is.rule, strings.ReplaceAll(x.Status, "_", " "), x.Document)
			if why := firstOf(strings.ReplaceAll(x.Justification, "_", " "), x.Statement); why != "" {
				note += " (" + why + ")"
			}
			notes = appendNew(notes, note)
		}
		if r := v.Reachability; r != nil {
			notes = appendNew(notes, fmt.Sprintf("%s: vulnerable code is %s, %s", is.rule, r.State, r.Why))
		}
	}
	for _, is := range all {
		if v := is.finding.Vulnerability; v != nil && len(v.Paths) > 0 {
			return appendNew(notes, "through "+strings.Join(v.Paths[0], " → "))
		}
	}
	return notes
}

func unfixedEntry(all []issue) entry {
	e := entry{what: all[0].title}
	if all[0].finding.Vulnerability != nil {
		e.what = packageText(all)
	}
	e.notes = append(e.notes, advisoriesText("has", all))
	e.notes = knownNotes(e.notes, all)
	return addFix(e, all[0].fix)
}

// packageText is the name with the versions in use.
func packageText(all []issue) string {
	var versions []string
	for _, is := range all {
		if v := is.finding.Vulnerability.Package.Version; v != "" && !slices.Contains(versions, v) {
			versions = append(versions, v)
		}
	}
	slices.SortFunc(versions, func(a, b string) int { return cmp.Or(compareVersions(a, b), cmp.Compare(a, b)) })
	return strings.TrimSpace(all[0].finding.Vulnerability.Package.Name + " " + some(versions, 3))
}

// advisoriesText is such as "fixes 5 (2 critical, 3 high): CVE-1, CVE-2".
func advisoriesText(verb string, all []issue) string {
	var ids []string
	seen := map[string]bool{}
	counts := map[gatehouse.Severity]int{}
	for _, is := range all {
		if !seen[is.rule] {
			seen[is.rule] = true
			ids = append(ids, is.rule)
			counts[is.severity]++
		}
	}
	if len(ids) == 1 {
		return fmt.Sprintf("%s %s: %s", verb, ids[0], all[0].title)
	}
	return fmt.Sprintf("%s %d (%s): %s", verb, len(ids), severityCounts(counts), some(ids, 3))
}

func configKey(is *issue) string { return is.location.Path + "\x00" + is.rule }

func configEntry(all []issue) entry {
	return addFix(entry{what: fmt.Sprintf("%s (%s)", all[0].title, all[0].rule)}, all[0].fix)
}

func licenseKey(is *issue) string {
	if l := is.finding.License; l != nil {
		return l.Expression + "\x00" + l.Package.Purl
	}
	return is.id
}

func licenseEntry(all []issue) entry {
	e := entry{what: all[0].title}
	if l := all[0].finding.License; l != nil {
		e.what = fmt.Sprintf("%s %s: %s", l.Package.Name, l.Package.Version, l.Expression)
	}
	return addFix(e, all[0].fix)
}

// Objections of one rule with the same words differ in the place only.
func policyKey(is *issue) string { return is.objections[0].Rule + "\x00" + is.message }

func policyEntry(all []issue) entry {
	e := entry{what: all[0].message}
	return addFix(e, all[0].fix)
}

func addFix(e entry, fix string) entry {
	if strings.TrimSpace(fix) != "" {
		e.notes = append(e.notes, fix)
	}
	return e
}

func countPaths(all []issue) int {
	paths := map[string]bool{}
	for _, is := range all {
		paths[is.location.Path] = true
	}
	return len(paths)
}

// placesText joins places; lines of the same file are joined: "a.tf:3, 9".
func placesText(places []gatehouse.Location, n int) string {
	var out []string
	left := 0
	for i := 0; i < len(places); {
		j := i
		for j < len(places) && places[j].Path == places[i].Path {
			j++
		}
		if len(out) == n {
			left += j - i
			i = j
			continue
		}
		s := places[i].Path
		if places[i].Line > 0 {
			s = fmt.Sprintf("%s:%d", s, places[i].Line)
		}
		last := places[i].Line
		for k := i + 1; k < j; k++ {
			if places[k].Line == last {
				continue
			}
			last = places[k].Line
			if n > 0 && k-i >= 5 && j-k > 1 {
				s += fmt.Sprintf(" and %d more", j-k)
				break
			}
			s += fmt.Sprintf(", %d", last)
		}
		out = append(out, s)
		i = j
	}
	s := strings.Join(out, "; ")
	if left > 0 {
		s += fmt.Sprintf(" and %d more", left)
	}
	return s
}
