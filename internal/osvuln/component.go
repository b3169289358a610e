package osvuln

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/package-url/packageurl-go"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/ospkg"
)

// purlTypes are of https://github.com/package-url/purl-spec, PURL-TYPES.
var purlTypes = map[ospkg.Kind]string{ospkg.Dpkg: "deb", ospkg.APK: "apk", ospkg.RPM: "rpm"}

// purlNamespaces are the vendors of package URLs that differ from ID of
// os-release.
var purlNamespaces = map[string]string{
	"rhel": "redhat", "ol": "oracle", "amzn": "amazon", "sles": "suse", "sled": "suse", "sles_sap": "suse", "sle-micro": "suse", "sl-micro": "suse",
	"opensuse-leap": "opensuse", "opensuse-tumbleweed": "opensuse", "opensuse-leap-micro": "opensuse",
}

// PackageURL names a package, with the architecture and the release.
func (s *System) PackageURL(p *ospkg.Package) string {
	version := p.Version
	var q packageurl.Qualifiers
	if p.Arch != "" {
		q = append(q, packageurl.Qualifier{Key: "arch", Value: p.Arch})
	}
	if s.Release.ID != "" {
		q = append(q, packageurl.Qualifier{Key: "distro", Value: strings.TrimSuffix(s.Release.ID+"-"+s.Release.Version, "-")})
	}
	if epoch, rest, ok := strings.Cut(version, ":"); ok && s.Manager == ospkg.RPM {
		q, version = append(q, packageurl.Qualifier{Key: "epoch", Value: epoch}), rest
	}
	namespace := cmp.Or(purlNamespaces[s.Release.ID], s.Release.ID)
	return packageurl.NewPackageURL(purlTypes[s.Manager], namespace, p.Name, version, q, "").ToString()
}

func (s *System) identity(p *ospkg.Package) gatehouse.Package {
	return gatehouse.Package{Purl: s.PackageURL(p), Ecosystem: purlTypes[s.Manager], Name: p.Name, Version: p.Version}
}

// Components describes the packages, in their order. Their locations have lines
// and no paths.
func (s *System) Components(packages []ospkg.Package) []gatehouse.Component {
	byName := make(map[string]string, len(packages)) // to package URL
	list := make([]gatehouse.Component, len(packages))
	for i := range packages {
		list[i].Package = s.identity(&packages[i])
		byName[packages[i].Name] = list[i].Purl
	}
	for i := range packages {
		p, c := &packages[i], &list[i]
		c.Location.Line, c.Licenses, c.Hashes, c.Installed = p.Line, p.Licenses, p.Hashes, true
		c.Module = p.Module
		if p.Source != "" {
			c.Source = strings.TrimSpace(p.Source + " " + p.SourceVersion)
		}
		for _, name := range p.DependsOn {
			if to := byName[name]; to != "" && to != c.Purl {
				c.DependsOn = append(c.DependsOn, to)
			}
		}
		slices.Sort(c.DependsOn)
		c.DependsOn = slices.Compact(c.DependsOn)
	}
	return list
}

// withEpoch puts the epoch of the source package, which its file name does not
// have, before its version: that of the package that is called as it, else that
// of the package itself.
func withEpoch(p *ospkg.Package, epochs map[string]string) string {
	epoch, ok := epochs[p.Source+"\x00"+p.SourceVersion]
	if !ok {
		epoch = epochOf(p.Version)
	}
	if epoch == "" || strings.Contains(p.SourceVersion, ":") {
		return p.SourceVersion
	}
	return epoch + ":" + p.SourceVersion
}

// epochsOf are the epochs of source packages, as far as the package of the same
// name is installed.
func epochsOf(packages []ospkg.Package) map[string]string {
	epochs := map[string]string{}
	for i := range packages {
		if p := &packages[i]; p.Name == p.Source {
			epochs[p.Source+"\x00"+p.SourceVersion] = epochOf(p.Version)
		}
	}
	return epochs
}

func epochOf(version string) string {
	epoch, _, ok := strings.Cut(version, ":")
	if _, err := strconv.Atoi(epoch); !ok || err != nil {
		return ""
	}
	return epoch
}
