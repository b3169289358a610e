package inventory

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

func parseHCL(f *Lockfile) (*hclsyntax.Body, error) {
	if len(f.Data) > limits.MaxTerraformBytes {
		return nil, &gatehouse.Unscannable{Code: gatehouse.GapTooLarge, Reason: fmt.Sprintf("%d bytes are more than the limit of %d for Terraform", len(f.Data), limits.MaxTerraformBytes)}
	}
	if err := checkNesting(f.Data); err != nil {
		return nil, err
	}
	file, diags := hclsyntax.ParseConfig(f.Data, f.Path, hcl.InitialPos)
	if diags.HasErrors() {
		u := &gatehouse.Unscannable{Code: gatehouse.GapParse, Reason: "not valid HCL"}
		for _, d := range diags {
			if d.Severity == hcl.DiagError {
				u.Reason += ": " + strings.TrimRight(d.Summary, ".")
				if d.Subject != nil {
					u.Line = d.Subject.Start.Line
				}
				break
			}
		}
		return nil, u
	}
	return file.Body.(*hclsyntax.Body), nil
}

// literal is the value of an attribute that is written out; empty if it is not
// there or needs to be computed.
func literal(b *hclsyntax.Body, name string) string {
	a := b.Attributes[name]
	if a == nil {
		return ""
	}
	v, diags := a.Expr.Value(nil)
	if diags.HasErrors() || v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
		return ""
	}
	return v.AsString()
}

// parseTerraformLock reads .terraform.lock.hcl; see
// https://developer.hashicorp.com/terraform/language/files/dependency-lock.
func parseTerraformLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	body, err := parseHCL(f)
	if err != nil {
		return inv, err
	}
	for _, b := range body.Blocks {
		if b.Type != "provider" || len(b.Labels) != 1 {
			continue
		}
		line := b.DefRange().Start.Line
		host, name, ok := strings.Cut(b.Labels[0], "/")
		p := Package{Eco: Terraform, Name: name, Version: literal(b.Body, "version"), Line: line, EndLine: b.Body.EndRange.End.Line, Direct: true,
			Scope: gatehouse.ScopeBuild, Requirement: literal(b.Body, "constraints"), Origin: &gatehouse.Origin{Kind: "registry", URL: host}}
		if !ok || p.Version == "" {
			inv.gap(gatehouse.GapUnresolved, line, b.Labels[0], "the provider has no registry or no version")
			continue
		}
		if host != "registry.terraform.io" && host != "registry.opentofu.org" {
			p.Name = b.Labels[0]
		}
		if hashes := b.Body.Attributes["hashes"]; hashes != nil {
			v, diags := hashes.Expr.Value(nil)
			if !diags.HasErrors() && v.CanIterateElements() {
				for _, h := range v.AsValueSlice() {
					if h.Type() == cty.String && !h.IsNull() {
						p.Hashes = append(p.Hashes, providerHash(h.AsString())...)
					}
				}
			}
		}
		p.Origin.Pinned = len(p.Hashes) > 0
		inv.add(p)
	}
	return inv, nil
}

// providerHash reads "zh:", the SHA-256 of the archive, and "h1:", that of a
// list of the files in it.
func providerHash(s string) []string {
	scheme, sum, _ := strings.Cut(s, ":")
	d := hexDigest("sha256", sum)
	switch {
	case d == "":
		return nil
	case scheme == "zh":
		return []string{d}
	}
	return []string{scheme + d[len("sha256"):]}
}

var moduleBlock = lazyregexp.New(`(?m)^\s*module\s+"`)

// parseTerraformModules reads the sources of the modules that a configuration
// calls; see https://developer.hashicorp.com/terraform/language/modules/sources.
func parseTerraformModules(f *Lockfile) (Inventory, error) {
	var inv Inventory
	if !moduleBlock().Match(f.Data) || !bytes.Contains(f.Data, []byte("source")) {
		inv.Skip = "it calls no module"
		return inv, nil
	}
	body, err := parseHCL(f)
	if err != nil {
		return inv, err
	}
	for _, b := range body.Blocks {
		source := literal(b.Body, "source")
		if b.Type != "module" || source == "" || strings.HasPrefix(source, ".") {
			continue
		}
		p := modulePackage(source, literal(b.Body, "version"))
		p.Line, p.EndLine, p.Direct, p.Scope = b.DefRange().Start.Line, b.Body.EndRange.End.Line, true, gatehouse.ScopeBuild
		inv.add(p)
	}
	return inv, nil
}

// modulePackage reads the address of a module.
func modulePackage(source, version string) Package {
	source = strings.TrimPrefix(source, "git::")
	address, query, _ := strings.Cut(source, "?")
	// The directory within: "//" that is not that of a scheme.
	scheme := strings.Index(address, "://")
	start := max(0, scheme+3)
	if scheme < 0 {
		start = 0
	}
	if i := strings.Index(address[start:], "//"); i >= 0 {
		address = address[:start+i]
	}
	ref := ""
	for part := range strings.SplitSeq(query, "&") {
		if v, ok := strings.CutPrefix(part, "ref="); ok {
			ref = v
		}
	}
	switch first, _, _ := strings.Cut(address, "/"); {
	case scheme < 0 && !strings.HasPrefix(address, "git@") && !strings.Contains(address, "::") && strings.Count(address, "/") >= 2 &&
		(strings.Count(address, "/") == 2 || strings.Contains(first, ".")) && first != "github.com" && first != "bitbucket.org":
		p := Package{Eco: Terraform, Name: address, Version: version, Requirement: version, Origin: &gatehouse.Origin{Kind: "registry", URL: "registry.terraform.io"}}
		if strings.Contains(first, ".") {
			p.Origin.URL = first
		}
		if version != "" && !exactRef().MatchString(version) {
			p.Version = "" // a range
		}
		return p
	case strings.HasPrefix(source, "http") && !strings.HasSuffix(address, ".git") && ref == "", strings.Contains(address, "::"):
		_, name, _ := strings.Cut(address, "://")
		return Package{Eco: Terraform, Name: name, Origin: &gatehouse.Origin{Kind: "url", URL: redactURL(address)}}
	}
	p := repositoryPackage(address, ref, Terraform)
	return p
}
