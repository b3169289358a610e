package sca

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/scanners/sca/internal/inventory"
)

const (
	licenseGroup = "licence"
	// leastKnown is the share of the words of a file below which it has more
	// than the texts of known licences: conditions of its own, perhaps.
	leastKnown = 0.75
	// maxLicenseGroups bounds the bytes of files that are kept to know which
	// package a text belongs to: it may not take the room of lockfiles.
	maxLicenseGroups = limits.MaxGroupBytes / 5
)

var (
	licenseName = regexp.MustCompile(`(?i)^(?:[a-z0-9.+]+[-_. ])*(?:un)?(?:licen[cs]es?|copying|copyright|(?:third[-_ ]?party[-_ ]?)?notices?)(?:[-_. ][a-z0-9.+_-]*)?$`)
	// notText are endings of files that only have such a name.
	notText    = regexp.MustCompile(`(?i)\.(?:[cm]?[jt]sx?|json5?|ya?ml|toml|xml|go|py[cdi]?|rb|java|class|kt|scala|php|cs|rs|[ch](?:pp|xx)?|swift|dart|lua|pl|ps1|sh|bat|cmd|rego|css|s[ac]ss|less|svg|png|gif|jpe?g|ico|pdf|map|lock|gemspec|golden|tmpl|sql|proto|graphql|vue|jar|zip|gz|tgz|sha\d*|asc|sig|pem|key|crt|csv|ipynb|lre|exe|dll|so)$`)
	noticeName = regexp.MustCompile(`(?i)^(?:.*[-_. ])?(?:notices?|copyright)(?:[-_. ].*)?$`)
)

// isLicenseFile reports whether a file has texts of licences by its name. The
// directory LICENSES is that of https://reuse.software/spec.
func isLicenseFile(f gatehouse.FileInfo) bool {
	base := path.Base(f.Path)
	return f.Version == "" && !notText.MatchString(base) &&
		(licenseName.MatchString(base) || path.Base(path.Dir(f.Path)) == "LICENSES" && path.Ext(base) == ".txt")
}

// owner says which package a file belongs to by its path, and which file beside
// the package has its version; nil for the target itself.
func owner(p string) (of *gatehouse.Package, described string) {
	parts := strings.Split(p, "/")
	for i := len(parts) - 2; i >= 0; i-- {
		dir, rest := parts[i], parts[i+1:]
		switch {
		case dir == "node_modules" && len(rest) > 1:
			name := rest[0]
			if strings.HasPrefix(name, "@") && len(rest) > 2 {
				name += "/" + rest[1]
			}
			return packageOf(inventory.NPM, name, ""), path.Join(strings.Join(parts[:i+1], "/"), name, "package.json")
		case strings.HasSuffix(dir, ".dist-info"):
			if name, version, ok := strings.Cut(strings.TrimSuffix(dir, ".dist-info"), "-"); ok {
				return packageOf(inventory.PyPI, inventory.PythonName(name), version), ""
			}
		case dir == "gems" && len(rest) > 1:
			if m := gemDirectory.FindStringSubmatch(rest[0]); m != nil {
				return packageOf(inventory.Gem, m[1], m[2]), ""
			}
		case moduleDirectory.MatchString(dir):
			return packageOf(inventory.Golang, moduleName(parts[:i+1]), dir[strings.LastIndexByte(dir, '@')+1:]), ""
		case strings.HasPrefix(dir, "index.crates.io-") && len(rest) > 1:
			if m := gemDirectory.FindStringSubmatch(rest[0]); m != nil {
				return packageOf(inventory.Cargo, m[1], m[2]), ""
			}
		}
	}
	return nil, ""
}

var (
	// gemDirectory is "name-version" or "name-version-platform".
	gemDirectory = regexp.MustCompile(`^(.+?)-(\d+(?:\.\w+)*(?:[-+][0-9A-Za-z.-]+)??)(?:-(?:java|jruby|mswin\w*|mingw\w*|x86|x64|x86_64|aarch64|arm|arm64|universal)(?:[-_.].*)?)?$`)
	// moduleDirectory is the last part of a module in the cache of Go; see
	// https://go.dev/ref/mod#module-cache.
	moduleDirectory = regexp.MustCompile(`^[^@]+@v\d+\.`)
	escapedCapital  = regexp.MustCompile(`![a-z]`)
)

// moduleName is the path of the module whose directory is the last part.
func moduleName(parts []string) string {
	first := 0
	for i, part := range parts {
		if part == "mod" && i > 0 && parts[i-1] == "pkg" {
			first = i + 1
		}
	}
	name := strings.Join(parts[first:], "/")
	name = name[:strings.LastIndexByte(name, '@')]
	return escapedCapital.ReplaceAllStringFunc(name, func(s string) string { return strings.ToUpper(s[1:]) })
}

func packageOf(eco *inventory.Ecosystem, name, version string) *gatehouse.Package {
	p := &gatehouse.Package{Ecosystem: eco.Purl, Name: name, Version: version}
	if version != "" {
		p.Purl = eco.PackageURL(name, version)
	}
	return p
}

// modulesFile, in vendor, says which modules are there; see
// https://go.dev/ref/mod#vendoring. checksumFile marks a crate that cargo vendor
// put there, and installedFile the packages of Composer.
const (
	modulesFile   = "modules.txt"
	checksumFile  = ".cargo-checksum.json"
	installedFile = "composer/installed.json"
)

// licenseGroups puts the texts of licences together with the file that says
// which package they belong to. Those without one are looked at alone.
func licenseGroups(files []gatehouse.FileInfo) []gatehouse.Group {
	size := make(map[string]int64, len(files))
	for _, f := range files {
		size[f.Path] = f.Bytes
	}
	has := func(p string) bool { _, ok := size[p]; return ok }
	byFile := map[string]*gatehouse.Group{}
	var order []string
	for _, f := range files {
		if !isLicenseFile(f) || f.Bytes > limits.MaxGroupFileBytes {
			continue
		}
		_, described := owner(f.Path)
		if described == "" {
			described = vendored(f.Path, has)
		}
		if !has(described) || size[described] > limits.MaxGroupFileBytes {
			continue
		}
		g := byFile[described]
		if g == nil {
			g = &gatehouse.Group{Type: licenseGroup, Dir: path.Dir(described), Context: []string{described}}
			byFile[described], order = g, append(order, described)
		}
		g.Owned = append(g.Owned, f.Path)
	}
	var all []gatehouse.Group
	room := int64(maxLicenseGroups)
	for _, described := range order {
		g := byFile[described]
		need := size[described]
		for _, p := range g.Owned {
			need += size[p]
		}
		if need <= room {
			room -= need
			all = append(all, *g)
		}
	}
	return all
}

// vendored is the file that says which package a file below vendor belongs to;
// empty if there is none.
func vendored(p string, has func(string) bool) string {
	parts := strings.Split(p, "/")
	for i := len(parts) - 2; i >= 0; i-- {
		if parts[i] != "vendor" {
			continue
		}
		dir := strings.Join(parts[:i+1], "/")
		if crate := path.Join(dir, parts[i+1]); i+2 < len(parts) && has(path.Join(crate, checksumFile)) {
			return path.Join(crate, "Cargo.toml")
		}
		for _, name := range []string{modulesFile, installedFile} {
			if file := path.Join(dir, name); has(file) {
				return file
			}
		}
	}
	return ""
}

// scanLicenses reports the texts of a group; a file that was not read is a
// failure in the coverage already.
func (s *scanner) scanLicenses(g *gatehouse.Group, p *gatehouse.Pass) error {
	described := g.Context[0]
	below := g.Dir + "/"
	if strings.HasSuffix(described, installedFile) {
		below = path.Dir(g.Dir) + "/"
	}
	var find func(string) *gatehouse.Package
	if f := g.Files[described]; f != nil {
		find = packagesOf(f)
	}
	for _, name := range g.Owned {
		f := g.Files[name]
		if f == nil {
			continue
		}
		of, _ := owner(name)
		if find != nil {
			if found := find(strings.TrimPrefix(name, below)); found != nil {
				of = found
			}
		}
		if err := s.scanLicense(f, of, p); err != nil {
			return err
		}
	}
	return nil
}

// packagesOf reads a file that says which package a path belongs to, relative to
// the directory of packages: nil if it does not say.
func packagesOf(f *gatehouse.File) func(string) *gatehouse.Package {
	data := inventory.PlainText(f.Data)
	type identity struct{ Name, Version string }
	always := func(eco *inventory.Ecosystem, name, version string) func(string) *gatehouse.Package {
		if name == "" || version == "" {
			return nil
		}
		return func(string) *gatehouse.Package { return packageOf(eco, name, version) }
	}
	switch path.Base(f.Path) {
	case "package.json":
		var m identity
		if json.Unmarshal(data, &m) == nil {
			return always(inventory.NPM, m.Name, m.Version)
		}
	case "Cargo.toml":
		var m struct{ Package identity }
		if inventory.CheckText(data) == nil && toml.Unmarshal(data, &m) == nil {
			return always(inventory.Cargo, m.Package.Name, m.Package.Version)
		}
	case modulesFile:
		return modulesOf(string(data))
	case path.Base(installedFile):
		return func(p string) *gatehouse.Package {
			parts := strings.Split(p, "/")
			if len(parts) < 3 {
				return nil
			}
			return packageOf(inventory.Composer, parts[0]+"/"+parts[1], "") // there is one version
		}
	}
	return nil
}

// modulesOf reads vendor/modules.txt: a module is "# path version", or "# path
// version => path version" for one that stands in for it.
func modulesOf(data string) func(string) *gatehouse.Package {
	versions := map[string]string{}
	for line := range strings.Lines(data) {
		if fields := strings.Fields(line); len(fields) >= 3 && fields[0] == "#" && fields[2] != "=>" {
			versions[fields[1]] = fields[2]
		}
	}
	return func(p string) *gatehouse.Package {
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			if version, ok := versions[dir]; ok {
				return packageOf(inventory.Golang, dir, version)
			}
		}
		return nil
	}
}

// scanLicense reports the licences that a file has.
func (s *scanner) scanLicense(f *gatehouse.File, of *gatehouse.Package, p *gatehouse.Pass) error {
	r, err := s.licenses.Classify(inventory.PlainText(f.Data))
	if err != nil {
		return fmt.Errorf("recognise licences: %w", err)
	}
	text := gatehouse.LicenseText{Path: f.Path, Package: of}
	for _, m := range r.Matches {
		text.Licenses = append(text.Licenses, gatehouse.DetectedLicense{License: m.ID, Confidence: m.Confidence,
			Location: gatehouse.Location{Path: f.Path, Line: m.Line}})
	}
	notice := noticeName.MatchString(path.Base(f.Path))
	if unknown := len(r.Matches) == 0 || r.Known < leastKnown; unknown && !notice {
		text.Licenses = append(text.Licenses, gatehouse.DetectedLicense{Location: gatehouse.Location{Path: f.Path}})
	}
	if len(text.Licenses) > 0 {
		p.AddLicenseText(text)
	}
	return nil
}
