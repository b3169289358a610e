package inventory

import (
	"cmp"
	"errors"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

// parsePackageResolved reads Package.resolved of versions 1 to 3. Pins to a
// branch or a commit have no version.
func parsePackageResolved(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := jsonTree(f.Data)
	if err != nil {
		return inv, err
	}
	pins, old := root.get("pins"), root.get("object", "pins")
	if !pins.isList() && !old.isList() {
		return inv, errors.New(`it has no list "pins"`)
	}
	inv.tellRepeated(root)
	for _, list := range []node{pins, old} {
		for n := range list.children() {
			state := n.get("state")
			version, branch, revision := state.get("version").text(), state.get("branch").text(), state.get("revision").text()
			url := cmp.Or(n.get("location").text(), n.get("repositoryURL").text())
			name := strings.TrimSuffix(strings.TrimPrefix(redactURL(url), "https://"), ".git")
			p := Package{Eco: Swift, Name: cmp.Or(name, n.get("identity").text()), Version: cmp.Or(version, branch, revision), Line: n.line(), EndLine: n.end()}
			switch kind := n.get("kind").text(); {
			case strings.HasPrefix(kind, "local") || strings.HasPrefix(kind, "fileSystem"):
				p.FirstParty = true
			case kind == "registry":
				p.Origin = fromRegistry("")
			case url != "":
				p.Origin = repository(strings.Clone(url), strings.Clone(cmp.Or(revision, branch)))
			}
			if p.Name == "" || p.Version == "" {
				inv.gap(gatehouse.GapUnresolved, p.Line, p.Name, "a package has no name, or neither version nor revision")
				continue
			}
			if version == "" {
				p.Unmatched = "it is pinned to a branch or a commit, which says nothing about its version"
			}
			inv.add(p)
		}
	}
	return inv, nil
}

// podText is "Name (version)" or "Name (~> 1.0)" or "Name (from `../x`)".
var podText = lazyregexp.New(`^([^\s(]+)(?: \((.*)\))?$`)

// parsePodfileLock reads Podfile.lock; see
// https://guides.cocoapods.org/using/using-cocoapods.html#what-is-podfilelock.
func parsePodfileLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	root, err := yamlDocument(f.Data, nil)
	if err != nil {
		return inv, err
	}
	pods := root.get("PODS")
	switch {
	case !pods.exists() && !root.get("PODFILE CHECKSUM").exists():
		return inv, errors.New("it has neither PODS nor PODFILE CHECKSUM, so it is no lockfile of CocoaPods")
	case !root.get("DEPENDENCIES").exists() && pods.count() > 0:
		inv.gap(gatehouse.GapParse, 0, "DEPENDENCIES", "it has no DEPENDENCIES, which stand below the pods; it is cut short, so make it anew")
	}
	inv.tellRepeated(root)
	external, checkout, checksums := root.get("EXTERNAL SOURCES").table(), root.get("CHECKOUT OPTIONS").table(), root.get("SPEC CHECKSUMS").table()
	direct := map[string]string{}
	for _, d := range root.get("DEPENDENCIES").texts() {
		if m := podText().FindStringSubmatch(d); m != nil {
			direct[m[1]] = m[2]
		}
	}
	repos := map[string]*gatehouse.Origin{}
	for repo := range root.get("SPEC REPOS").children() {
		url := strings.Clone(repo.key())
		if url == "trunk" {
			url = "https://cdn.cocoapods.org"
		}
		for _, name := range repo.texts() {
			repos[name] = fromRegistry(url)
		}
	}
	ids := map[string]string{}
	needs := [][]string{}
	for n := range pods.children() {
		text, list := n.text(), node{}
		for one := range n.children() {
			text, list = one.key(), one
		}
		m := podText().FindStringSubmatch(text)
		if m == nil || m[2] == "" {
			inv.gap(gatehouse.GapUnresolved, n.line(), text, "the pod has no version")
			continue
		}
		p := Package{Eco: CocoaPods, Name: m[1], Version: m[2], Line: n.line()}
		p.Requirement, p.Direct = direct[p.Name], false
		_, p.Direct = direct[p.Name]
		if strings.HasPrefix(p.Requirement, "from ") {
			p.Requirement = ""
		}
		rootPod, _, _ := strings.Cut(p.Name, "/")
		p.Hashes = digests(hexDigest("sha1", checksums[rootPod].text()))
		p.Origin = repos[rootPod]
		podSource(&p, external[rootPod], checkout[rootPod])
		var names []string
		for _, need := range list.texts() {
			if d := podText().FindStringSubmatch(need); d != nil {
				names = append(names, d[1])
				if p.Ranges == nil {
					p.Ranges = map[string]string{}
				}
				p.Ranges[d[1]] = d[2]
			}
		}
		ids[p.Name] = p.Label()
		needs = append(needs, names)
		inv.add(p)
	}
	missing := map[string]bool{}
	for i, names := range needs {
		for _, name := range names {
			if ids[name] == "" {
				missing[name] = true
				continue
			}
			inv.Packages[i].DependsOn = append(inv.Packages[i].DependsOn, ids[name])
		}
	}
	inv.tellMissing(missing)
	return inv, nil
}

// podSource says where a pod comes from that is not of the specs.
func podSource(p *Package, source, checkout node) {
	url := strings.Clone(source.get(":git").text())
	switch {
	case source.get(":path").exists():
		p.FirstParty = true
	case url != "":
		revision := cmp.Or(checkout.get(":commit").text(), source.get(":commit").text(), source.get(":tag").text(), source.get(":branch").text())
		p.Origin = repository(url, strings.Clone(revision))
	case source.get(":podspec").exists(), source.get(":http").exists():
		url = redactURL(strings.Clone(cmp.Or(source.get(":http").text(), source.get(":podspec").text())))
		p.Origin = &gatehouse.Origin{Kind: "url", URL: url}
	}
	if source.exists() && !p.FirstParty {
		p.Unmatched = "it is installed from a repository and not from the CocoaPods specs"
	}
}
