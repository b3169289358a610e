package gatehouse

import "cmp"

// Component is a package that a target uses: one line of its bill of
// materials.
type Component struct {
	Package
	// Location is where the package is declared or locked.
	Location Location `json:"location"`
	// Direct is true if the target itself asks for the package; false if it is
	// not known or only another package does.
	Direct bool `json:"direct"`
	// Dev is true if the package is not part of what is shipped.
	Dev bool `json:"dev"`
	// Licenses are SPDX expressions or names as declared; empty if the file
	// does not say.
	Licenses []string `json:"licenses,omitempty"`
	// DetectedLicenses stand as texts in the files of the package; empty if
	// it has no such file, or is not there itself. What is declared and what is
	// detected may disagree. Set by [Scan].
	DetectedLicenses []DetectedLicense `json:"detected_licenses,omitempty"`
	// DependsOn are the purls of the packages it needs, sorted; empty if there
	// are none or the file does not say.
	DependsOn []string `json:"depends_on,omitempty"`
	// Scope says what the package is for; empty if the file does not say.
	Scope Scope `json:"scope,omitempty"`
	// Requirement is the range that the target asks for, as written; empty if
	// it is not asked for directly or the file does not say.
	Requirement string `json:"requirement,omitempty"`
	// Declared is the line of the manifest that asks for it; nil if that is
	// Location, or not known.
	Declared *Location `json:"declared,omitempty"`
	// Workspace is the directory of the project that asks for it; empty for
	// the one beside the file.
	Workspace string `json:"workspace,omitempty"`
	// Hashes are digests of its archive as "algorithm:hex", sorted; empty if
	// the file has none.
	Hashes []string `json:"hashes,omitempty"`
	// Origin says where it comes from; nil if the file does not say.
	Origin *Origin `json:"origin,omitempty"`
	// InstallScript is true if it runs code of its own when it is installed.
	InstallScript bool `json:"install_script,omitempty"`
	// Deprecated is what its publisher says against its use: deprecated,
	// yanked or retracted, with the reason; empty if nothing is known.
	Deprecated string `json:"deprecated,omitempty"`
	// Published is when its youngest file came into the registry, in RFC 3339
	// and UTC; empty where the lockfile does not say.
	Published string `json:"published,omitempty"`
	// Similar is a well-known package with a name so near that one may be
	// meant for the other; empty if there is none.
	Similar string `json:"similar,omitempty"`
	// Installed is true for a package that is there itself, rather than named
	// by a lockfile or manifest.
	Installed bool `json:"installed,omitempty"`
	// Unmatched says, as a clause, why no advisory can be found about it: no
	// source of advisories knows its kind, or the database has none. Empty if
	// it was compared with what is known, or a gap says why not.
	Unmatched string `json:"unmatched,omitempty"`
	// Source is the source package that a package of an operating system was
	// built from, as "name version", and Module its module stream of rpm, as
	// "name:stream:version:context". Both may be empty.
	Source string `json:"source,omitempty"`
	Module string `json:"module,omitempty"`
	// Layer is the index of the layer of the image that has it, from 1; 0 if it
	// is in no image.
	Layer int `json:"layer,omitempty"`
	// Platforms are those of the image that have it; empty unless the target
	// has several.
	Platforms []string `json:"platforms,omitempty"`
}

// Scope is what a package is needed for.
type Scope string

// The scopes.
const (
	ScopeRuntime  Scope = "runtime"
	ScopeDev      Scope = "dev"
	ScopeTest     Scope = "test"
	ScopeBuild    Scope = "build"
	ScopeOptional Scope = "optional"
	ScopePeer     Scope = "peer"
)

// Origin is where a package comes from.
type Origin struct {
	// Kind is "registry", "git", "url", "path" or "workspace".
	Kind string `json:"kind"`
	// URL is that of the registry, repository or archive, without credentials;
	// may be empty.
	URL string `json:"url,omitempty"`
	// Revision is a commit, tag or branch as written; may be empty.
	Revision string `json:"revision,omitempty"`
	// Pinned is true if the origin cannot give something else tomorrow: a
	// commit, a digest, or a version of a registry that never changes one.
	Pinned bool `json:"pinned"`
}

func compareComponents(a, b Component) int {
	return cmp.Or(
		cmp.Compare(a.Location.Path, b.Location.Path),
		cmp.Compare(a.Purl, b.Purl),
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.Version, b.Version),
		cmp.Compare(a.Location.Line, b.Location.Line),
	)
}
