package gatehouse

import "cmp"

// SBOM is a bill of materials that was read: somebody else's word for what there
// is.
type SBOM struct {
	Path string `json:"path"`
	// Format is "CycloneDX" or "SPDX", Spec the version of the specification,
	// and Syntax such as "JSON".
	Format string `json:"format"`
	Spec   string `json:"spec,omitempty"`
	Syntax string `json:"syntax"`
	// Producers are the tools that made it, each as name and version; empty if
	// it does not say.
	Producers []string `json:"producers,omitempty"`
	// Created is when it was made, as written; may be empty.
	Created string `json:"created,omitempty"`
	// Subject is what it is about, as name and version; empty if it does not say.
	Subject string `json:"subject,omitempty"`
	// Packages counts those that it lists.
	Packages int `json:"packages"`
	// LeftOut says in clauses what it does not tell, such as "no package has a
	// hash"; empty if it tells all.
	LeftOut []string `json:"left_out,omitempty"`
}

// AddSBOM records a bill of materials. An empty path means that of the file.
func (p *Pass) AddSBOM(b SBOM) {
	b.Path = cmp.Or(b.Path, p.path)
	p.result.SBOMs = append(p.result.SBOMs, b)
}

func compareSBOMs(a, b SBOM) int { return cmp.Compare(a.Path, b.Path) }
