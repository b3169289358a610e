// Package osvuln matches the packages of an operating system with what its
// distributor publishes about vulnerabilities.
//
// Distributors name packages and versions each in their own way: Debian and
// Alpine by the source package, Oracle and Amazon by the one that is installed.
// A [System] knows which it is.
package osvuln

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse/internal/ospkg"
)

// System is a release of a distribution, and how its advisories are to be read.
type System struct {
	// Release is what the system says of itself.
	Release ospkg.Release
	// Manager is its package manager.
	Manager ospkg.Kind
	// Ecosystem is its name in the database, such as "debian 12"; empty if no
	// advisories about it are known.
	Ecosystem string
	// Label is its name for people, such as "Debian 12".
	Label string

	family *family
}

// naming is what advisories are about.
type naming int

const (
	bySource naming = iota // source packages, with the versions of those
	byBinary               // packages as they are installed
	byModule               // the same, with the stream of their module in front
	byEither               // by module in trivy-db, by source in OSV
)

// family is a distribution in all its releases.
type family struct {
	ids       []string // in os-release
	manager   ospkg.Kind
	label     string
	ecosystem string // before the release
	// release makes of VERSION_ID what follows in the name of the ecosystem;
	// empty if the release is not known. Nil for a distribution without
	// releases.
	release func(ospkg.Release) string
	naming  naming
	// update is the command that updates a package.
	update string
	// vendors are who builds its packages, as rpm has it, in lower case; empty
	// where the package manager does not say.
	vendors []string
}

// families are named as in trivy-db, pkg/vulnsrc/bucket, and, where that has
// none, as the database that [vulndb] builds names them. Which name advisories
// use is that of trivy-db's sources, pkg/vulnsrc, and of the OSV exports.
var families = []family{
	{[]string{"debian"}, ospkg.Dpkg, "Debian", "debian", debianRelease, bySource, aptUpdate, nil},
	{[]string{"ubuntu"}, ospkg.Dpkg, "Ubuntu", "ubuntu", whole, bySource, aptUpdate, nil},
	{[]string{"echo"}, ospkg.Dpkg, "Echo", "echo", nil, bySource, aptUpdate, nil},
	{[]string{"alpine"}, ospkg.APK, "Alpine", "alpine", alpineRelease, bySource, apkUpdate, nil},
	{[]string{"alpaquita"}, ospkg.APK, "Alpaquita", "alpaquita", alpaquitaRelease, bySource, apkUpdate, nil},
	{[]string{"wolfi"}, ospkg.APK, "Wolfi", "wolfi", nil, bySource, apkUpdate, nil},
	{[]string{"chainguard"}, ospkg.APK, "Chainguard OS", "chainguard", nil, bySource, apkUpdate, nil},
	{[]string{"minimos"}, ospkg.APK, "MinimOS", "minimos", nil, bySource, apkUpdate, nil},
	{[]string{"rocky"}, ospkg.RPM, "Rocky Linux", "rocky", major, byEither, dnfUpdate, []string{"rocky"}},
	{[]string{"almalinux"}, ospkg.RPM, "AlmaLinux", "alma", major, byModule, dnfUpdate, []string{"almalinux"}},
	{[]string{"ol"}, ospkg.RPM, "Oracle Linux", "Oracle Linux", major, byBinary, dnfUpdate, []string{"oracle"}},
	{[]string{"amzn"}, ospkg.RPM, "Amazon Linux", "amazon linux", amazonRelease, byBinary, "yum update {name}", []string{"amazon"}},
	{[]string{"rhel", "centos"}, ospkg.RPM, "Red Hat Enterprise Linux", "Red Hat", major, byBinary, dnfUpdate, []string{"red hat", "centos"}},
	{[]string{"fedora"}, ospkg.RPM, "Fedora", "fedora", major, byBinary, dnfUpdate, []string{"fedora"}},
	{[]string{"sles", "sles_sap", "sled"}, ospkg.RPM, "SUSE Linux Enterprise", "SUSE Linux Enterprise", whole, byBinary, zypperUpdate, suseVendors},
	{[]string{"sle-micro", "sl-micro", "sle-micro-rancher", "sl-micro-rancher"}, ospkg.RPM, "SUSE Linux Enterprise Micro", "SUSE Linux Enterprise Micro", whole, byBinary, "transactional-update pkg update {name}", suseVendors},
	{[]string{"opensuse-leap", "opensuse"}, ospkg.RPM, "openSUSE Leap", "openSUSE Leap", whole, byBinary, zypperUpdate, suseVendors},
	{[]string{"opensuse-leap-micro"}, ospkg.RPM, "openSUSE Leap Micro", "openSUSE Leap Micro", whole, byBinary, "transactional-update pkg update {name}", suseVendors},
	{[]string{"opensuse-tumbleweed"}, ospkg.RPM, "openSUSE Tumbleweed", "openSUSE Tumbleweed", nil, byBinary, zypperUpdate, suseVendors},
	{[]string{"photon"}, ospkg.RPM, "Photon OS", "Photon OS", minor, bySource, "tdnf update {name}", []string{"vmware", "broadcom"}},
	{[]string{"azurelinux"}, ospkg.RPM, "Azure Linux", "Azure Linux", minor, bySource, "tdnf update {name}", []string{"microsoft"}},
	{[]string{"mariner"}, ospkg.RPM, "CBL-Mariner", "CBL-Mariner", minor, bySource, "tdnf update {name}", []string{"microsoft"}},
	{[]string{"mageia"}, ospkg.RPM, "Mageia", "mageia", major, bySource, dnfUpdate, []string{"mageia"}},
	{[]string{"openeuler"}, ospkg.RPM, "openEuler", "openeuler", openEulerRelease, bySource, dnfUpdate, []string{"openeuler"}},
}

var suseVendors = []string{"suse"}

const (
	aptUpdate    = "apt-get update && apt-get install --only-upgrade {name}"
	apkUpdate    = "apk upgrade --update-cache {name}"
	dnfUpdate    = "dnf upgrade {name}"
	zypperUpdate = "zypper update {name}"
)

// Of returns the system whose packages the package manager lists. An error says
// in a clause why no advisories are known to be about them; the system is then
// good for package URLs only.
func Of(r ospkg.Release, manager ospkg.Kind) (*System, error) {
	s := &System{Release: r, Manager: manager, Label: r.Name}
	if s.Label == "" {
		s.Label = strings.TrimSpace(r.ID + " " + r.Version)
	}
	if r.ID == "" {
		return s, fmt.Errorf("no file says which operating system it is (%s)", strings.Join(ospkg.ReleasePaths()[:2], ", "))
	}
	i := slices.IndexFunc(families, func(f family) bool { return slices.Contains(f.ids, r.ID) })
	if i < 0 {
		err := fmt.Errorf("no source of advisories is known for %s", s.Label)
		if len(r.Like) > 0 {
			err = fmt.Errorf("%w; it is made from %s, whose advisories have other versions", err, r.Like[0])
		}
		return s, err
	}
	f := &families[i]
	if f.manager != manager {
		return s, fmt.Errorf("they are packages of %s, and the advisories of %s are about those of %s", manager, f.label, f.manager)
	}
	s.family, s.Label, s.Ecosystem = f, f.label, f.ecosystem
	if f.release == nil {
		return s, nil
	}
	release := f.release(r)
	if release == "" {
		s.Ecosystem = ""
		return s, fmt.Errorf("%s does not say which release it is", f.label)
	}
	s.Label += " " + release
	s.Ecosystem += " " + release
	return s, nil
}

func whole(r ospkg.Release) string { return r.Version }

func major(r ospkg.Release) string {
	v, _, _ := strings.Cut(r.Version, ".")
	return v
}

func minor(r ospkg.Release) string {
	parts := strings.SplitN(r.Version, ".", 3)
	if len(parts) < 2 {
		return r.Version
	}
	return parts[0] + "." + parts[1]
}

// debianCodenames are of releases that were testing when the system was made,
// and say no number; see https://wiki.debian.org/DebianReleases.
var debianCodenames = map[string]string{"bullseye": "11", "bookworm": "12", "trixie": "13", "forky": "14"}

func debianRelease(r ospkg.Release) string {
	if r.Version != "" {
		return major(r)
	}
	name, _, _ := strings.Cut(r.Codename, "/")
	return debianCodenames[name]
}

// alpineRelease knows edge by the version that it has while it becomes the next
// release: "3.21.0_alpha20240807".
func alpineRelease(r ospkg.Release) string {
	if strings.Contains(r.Version, "_alpha") || r.Version == "edge" {
		return "edge"
	}
	return minor(r)
}

// alpaquitaRelease is "23" or "stream".
func alpaquitaRelease(r ospkg.Release) string { return strings.ToLower(major(r)) }

// amazonRelease knows the first one by its year, as in "2018.03".
func amazonRelease(r ospkg.Release) string {
	switch v := major(r); v {
	case "2", "2022", "2023", "":
		return v
	}
	return "1"
}

// openEulerRelease is as OSV has it: "22.03-LTS-SP1", of "22.03 (LTS-SP1)".
func openEulerRelease(r ospkg.Release) string {
	_, name, ok := strings.Cut(r.Name, "(")
	if name = strings.TrimSuffix(name, ")"); !ok || name == "" {
		return r.Version
	}
	return r.Version + "-" + name
}
