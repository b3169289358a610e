package inventory

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gatehouse-sec/gatehouse"
)

// parseFlakeLock reads flake.lock of Nix: the repositories that the packages
// come from, each at a commit. See
// https://nix.dev/manual/nix/latest/command-ref/new-cli/nix3-flake.html#lock-files.
func parseFlakeLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	var lock struct {
		Root  string
		Nodes map[string]struct {
			Inputs map[string]any
			Locked map[string]any
		}
	}
	if err := decodeJSON(f.Data, &lock); err != nil {
		return inv, err
	}
	if lock.Nodes == nil {
		return inv, errors.New(`it has no "nodes", so it is no lockfile of Nix`)
	}
	lines := jsonKeyLines(f.Data, "nodes")
	direct := map[string]bool{}
	for _, to := range lock.Nodes[lock.Root].Inputs {
		if id, ok := to.(string); ok {
			direct[id] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(lock.Nodes)) {
		n := lock.Nodes[id]
		text := func(key string) string { s, _ := n.Locked[key].(string); return s }
		p := Package{ID: id, Line: lines[id], Version: text("rev"), Scope: gatehouse.ScopeBuild}
		switch kind := text("type"); kind {
		case "":
			continue // the root
		case "path":
			p.Eco, p.Name, p.FirstParty = Generic, id, true
		case "github":
			p.Eco, p.Name = GitHub, text("owner")+"/"+text("repo")
			p.Origin = repository("https://github.com/"+p.Name, p.Version)
		case "gitlab", "sourcehut":
			p.Eco, p.Name = PreCommit, kind+"/"+text("owner")+"/"+text("repo")
			p.Origin = repository("", p.Version)
		case "git", "hg":
			q := repositoryPackage(text("url"), p.Version, PreCommit)
			p.Eco, p.Name, p.Origin = q.Eco, q.Name, q.Origin
		case "tarball", "file":
			p.Eco, p.Name = PreCommit, id
			p.Origin = &gatehouse.Origin{Kind: "url", URL: redactURL(text("url")), Pinned: text("narHash") != ""}
		default:
			inv.gap(gatehouse.GapUnresolved, p.Line, id, fmt.Sprintf("inputs of the type %q are not known", kind))
			continue
		}
		p.Direct = direct[id]
		for _, to := range n.Inputs {
			if s, ok := to.(string); ok {
				p.DependsOn = append(p.DependsOn, s)
			}
		}
		slices.Sort(p.DependsOn)
		if d := sriDigests(text("narHash")); len(d) > 0 {
			// Of the unpacked tree, in the archive format of Nix.
			p.Hashes = []string{"nar-" + d[0]}
		}
		inv.add(p)
	}
	return inv, nil
}
