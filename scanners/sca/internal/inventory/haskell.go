package inventory

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

var freezeEntry = lazyregexp.New(`(?:^|[\s,])(?:any\.)?([A-Za-z][A-Za-z0-9-]*)\s*==\s*([0-9][0-9.]*)`)

// parseCabalFreeze reads cabal.project.freeze: a list of constraints; see
// https://cabal.readthedocs.io/en/stable/cabal-commands.html#cabal-freeze.
func parseCabalFreeze(f *Lockfile) (Inventory, error) {
	var inv Inventory
	n, known := 0, false
	for line := range strings.Lines(string(f.Data)) {
		n++
		text, _, _ := strings.Cut(line, "--")
		if strings.Contains(text, ":") {
			known = true
		}
		matches := freezeEntry().FindAllStringSubmatch(text, -1)
		for _, m := range matches {
			inv.add(Package{Eco: Hackage, Name: m[1], Version: m[2], Line: n, Requirement: "==" + m[2], Origin: fromRegistry("https://hackage.haskell.org")})
		}
		if len(matches) == 0 && strings.ContainsAny(text, "<>=") {
			inv.gap(gatehouse.GapUnresolved, n, "", fmt.Sprintf("the constraint %q names no single version; run cabal freeze again", strings.Trim(text, " ,\n")))
		}
	}
	if !known {
		return inv, errors.New("it has no constraints, so it was not made by cabal freeze")
	}
	return inv, nil
}

var hackageName = lazyregexp.New(`^(.+)-([0-9][0-9.]*)(?:@(?:sha256:([0-9a-fA-F]+)|rev:\d+).*)?$`)

// parseStackLock reads stack.yaml.lock, which has the packages that stack.yaml
// adds to a snapshot, and not those of the snapshot; see
// https://docs.haskellstack.org/en/stable/topics/lock_files.
func parseStackLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := yamlTree(f.Data)
	if err != nil {
		return inv, err
	}
	packages, snapshots := yamlField(root, "packages"), yamlField(root, "snapshots")
	if packages == nil && snapshots == nil {
		return inv, errors.New("it has neither packages nor snapshots, so it is no lockfile of stack")
	}
	for entry := range yamlItems(packages) {
		c := yamlField(entry, "completed")
		field := func(key string) string { return yamlText(yamlField(c, key)) }
		p := Package{Eco: Hackage, Line: entry.Line, Direct: true}
		if m := hackageName().FindStringSubmatch(field("hackage")); m != nil {
			// The digest is that of the cabal file, not of the archive.
			p.Name, p.Version, p.Origin = m[1], m[2], fromRegistry("https://hackage.haskell.org")
			inv.add(p)
			continue
		}
		p.Name, p.Version = field("name"), field("version")
		if p.Name == "" || p.Version == "" {
			inv.gap(gatehouse.GapUnresolved, entry.Line, field("hackage"), "the package has no name and version")
			continue
		}
		if url := field("git"); url != "" {
			p.Origin = repository(url, field("commit"))
			p.Unmatched = "it is installed from a repository and not from Hackage"
		} else if url := field("url"); url != "" {
			p.Origin = &gatehouse.Origin{Kind: "url", URL: redactURL(url), Pinned: field("sha256") != ""}
			p.Hashes = digests(hexDigest("sha256", field("sha256")))
			p.Unmatched = "it is installed from an archive and not from Hackage"
		}
		inv.add(p)
	}
	for entry := range yamlItems(snapshots) {
		url := yamlText(yamlField(entry, "completed", "url"))
		inv.gap(gatehouse.GapUnresolved, entry.Line, url, "the packages of the snapshot are not in the file, so they were not looked at; run stack ls dependencies cabal, and commit it as cabal.project.freeze")
	}
	return inv, nil
}
