package gatehouse

// ReportVersion is the version of the JSON form of [Report]. It changes when a
// field changes its meaning or goes away.
const ReportVersion = 1

// Report is all that was found in a target. The same input gives the same
// bytes.
type Report struct {
	// Version is [ReportVersion].
	Version int `json:"version"`
	// Tool made the report.
	Tool Tool `json:"tool"`
	// Target is what was scanned.
	Target TargetInfo `json:"target"`
	// Databases are the data that scanners matched against, by scanner name.
	Databases map[string]Database `json:"databases,omitempty"`
	// Findings are sorted by place; never nil.
	Findings []Finding `json:"findings"`
	// Components are sorted by file and purl; never nil.
	Components []Component `json:"components"`
	Coverage   Coverage    `json:"coverage"`
	// LicenseTexts are the files with texts of licences, sorted by path; those
	// of packages are also in their components. Empty if there are none.
	LicenseTexts []LicenseText `json:"license_texts,omitempty"`
	// Ignores are the requests that findings do not count, sorted by place;
	// empty if there are none. Secrets that comments and lists suppress are not
	// among them.
	Ignores []Ignore `json:"ignores,omitempty"`
	// SBOMs are the bills of materials that were read, sorted by path; empty if
	// there are none. What they list is among the components.
	SBOMs []SBOM `json:"sboms,omitempty"`
	// Compliance says for each spec that was asked for which controls hold;
	// empty if none was.
	Compliance []Compliance `json:"compliance,omitempty"`
	// VEX are the VEX documents that were applied to the findings, in the
	// order in which they were given; empty if there are none.
	VEX []VEXDocument `json:"vex,omitempty"`
	// Attestations are those about the target that were verified, in the order
	// of the verification policy; empty if there are none, or no such policy.
	Attestations []Attestation `json:"attestations,omitempty"`
	// RequiredAttestations are what the verification policy asks for, in its
	// order; empty if there is no such policy.
	RequiredAttestations []RequiredAttestation `json:"required_attestations,omitempty"`
	// Layouts are the in-toto layouts that were verified, in the order in which
	// they were given; empty if there are none.
	Layouts []Layout `json:"layouts,omitempty"`

	// Documents are parsed configuration for policies; not part of the JSON.
	Documents []Document `json:"-"`
	// Stats are about the run, not about the target; not part of the JSON.
	Stats Stats `json:"-"`
}

// Tool is a program and its version.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// TargetInfo identifies what was scanned.
type TargetInfo struct {
	Kind TargetKind `json:"kind"`
	Name string     `json:"name"`
	// Digest is "sha256:" and the hash of a listing that has for each file
	// that was read, sorted by path, a line with the hash in hex, two spaces
	// and the path as a Go string literal.
	Digest string `json:"digest"`
	// Files and Bytes count what was read.
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
	// Image is set if the target is an image; its digest is that of the manifest.
	Image *ImageInfo `json:"image,omitempty"`
}

// ImageInfo describes an image, for one platform or several.
type ImageInfo struct {
	// Index is the digest of the index that the image was taken from; empty if
	// it was not. It is the digest of the target if all platforms were looked at.
	Index string `json:"index,omitempty"`
	// Made is true if the image came without a manifest, as older versions of
	// docker save write it: then no registry has one with the digest.
	Made bool `json:"made,omitempty"`
	// Platforms are those that were looked at, in the order of the index; at
	// least one.
	Platforms []ImagePlatform `json:"platforms"`
	// Attached is what is attached to the image: listed, not verified. Empty if
	// there is nothing, or nobody could be asked.
	Attached []Attached `json:"attached,omitempty"`
}

// ImagePlatform is an image for one platform.
type ImagePlatform struct {
	// Platform is such as "linux/arm64"; empty if it is not known.
	Platform string `json:"platform,omitempty"`
	// Digest is that of the manifest.
	Digest string `json:"digest"`
	// Created is when it was made, in RFC 3339; empty if it does not say, or
	// says the start of 1970 as reproducible builds do.
	Created string `json:"created,omitempty"`
	// Base is the image that it is built on; nil if that is not known.
	Base *BaseImage `json:"base,omitempty"`
	// Layers are from the lowest up.
	Layers []Layer `json:"layers"`
	// Files and Bytes count what was read, and Gaps what could not be judged.
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
	Gaps  int   `json:"gaps"`
	// Scanners say how each did with this platform.
	Scanners []PlatformStatus `json:"scanners"`
}

// PlatformStatus is how a scanner did with one platform.
type PlatformStatus struct {
	Scanner string `json:"scanner"`
	Status  Status `json:"status"`
}

// BaseImage is the image that another one is built on.
type BaseImage struct {
	// Name is a reference; empty if only the digest is known.
	Name string `json:"name,omitempty"`
	// Digest is that of its manifest; empty if only the name is known: then it
	// may have been any image of that name.
	Digest string `json:"digest,omitempty"`
	// Layers counts those that belong to it; 0 if that is not known.
	Layers int `json:"layers,omitempty"`
	// By says from what it is known: "annotations" of the image, or "request".
	By string `json:"by"`
}

// Attached is a document that is attached to an image.
type Attached struct {
	// Digest is that of its manifest.
	Digest string `json:"digest"`
	// To is the digest of the manifest that it is about.
	To string `json:"to"`
	// Type is the media type of what it is; empty if the manifest does not say.
	Type string `json:"type,omitempty"`
	// Kind is "attestation", "sbom", "signature", "vex" or "other".
	Kind string `json:"kind"`
}

// Stats describes how a scan ran.
type Stats struct {
	// CacheHits and CacheMisses count results, not files.
	CacheHits, CacheMisses int
}

// Finding returns the finding with the id, or nil.
func (r *Report) Finding(id string) *Finding {
	for i := range r.Findings {
		if r.Findings[i].ID == id {
			return &r.Findings[i]
		}
	}
	return nil
}

// VEXDocument is a VEX document that was applied to a report.
type VEXDocument struct {
	// Path is as given; Digest is "sha256:" and the hex of its bytes.
	Path   string `json:"path"`
	Digest string `json:"digest"`
	// Format is "openvex", "csaf" or "cyclonedx".
	Format string `json:"format"`
	// ID and Author are as written; may be empty.
	ID     string `json:"id,omitempty"`
	Author string `json:"author,omitempty"`
	// Statements counts what it says, and Applied the findings for which it
	// has the last word.
	Statements int `json:"statements"`
	Applied    int `json:"applied"`
	// Unused are statements about vulnerabilities that were found, but not in
	// the product that they name; the first 20.
	Unused []VEXUnused `json:"unused,omitempty"`
}

// VEXUnused is a statement that applies to nothing, and why.
type VEXUnused struct {
	// Place says where in the document it stands.
	Place         string `json:"place"`
	Vulnerability string `json:"vulnerability"`
	Reason        string `json:"reason"`
}
