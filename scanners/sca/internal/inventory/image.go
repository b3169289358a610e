package inventory

import (
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

// imageName is the name of an image as registries take it, with the registry.
var imageName = lazyregexp.New(`^[a-zA-Z0-9](?:[a-zA-Z0-9._/-]|:[0-9]+/)*$`)

// addImage adds the image that a reference names. What the reference says only
// with values that the file does not have is listed as it is written.
func (inv *Inventory) addImage(reference string, line int, scope gatehouse.Scope) {
	reference = strings.TrimSpace(strings.TrimPrefix(reference, "docker://"))
	if reference == "" || reference == "scratch" {
		return
	}
	name, digest, _ := strings.Cut(reference, "@")
	tag := ""
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') && !strings.ContainsAny(name[i:], "}") {
		name, tag = name[:i], name[i+1:]
	}
	p := Package{Eco: Docker, Name: name, Version: tag, Line: line, Direct: true, Scope: scope, Requirement: tag,
		Origin: &gatehouse.Origin{Kind: "registry", URL: "docker.io", Revision: tag}}
	if !imageName().MatchString(name) || strings.ContainsAny(tag+digest, "${}") {
		p.Unmatched = "which image it is depends on values that the file does not have"
		p.Origin.URL = ""
		inv.add(p)
		return
	}
	if host := registryHost(name); host != "" {
		p.Origin.URL = host
	}
	p.Name = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(name, "index."), "docker.io/"), "library/")
	algorithm, sum, _ := strings.Cut(digest, ":")
	switch d := hexDigest(algorithm, sum); {
	case d != "":
		p.Version, p.Origin.Pinned, p.Hashes = d, true, []string{d}
	case tag == "":
		p.Version = "latest"
	}
	inv.add(p)
}

// registryHost is the registry of an image; empty for Docker Hub. See
// github.com/distribution/reference, splitDockerDomain.
func registryHost(name string) string {
	host, _, ok := strings.Cut(name, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return ""
	}
	return host
}

var shellVariable = lazyregexp.New(`\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-+?])([^{}]*))?\})`)

// expand replaces variables as Dockerfiles and Compose files write them. Those
// without a value stay as they are.
func expand(text string, values map[string]string) string {
	return shellVariable().ReplaceAllStringFunc(text, func(whole string) string {
		m := shellVariable().FindStringSubmatch(whole)
		value, ok := values[m[1]+m[2]]
		set := ok && (value != "" || !strings.HasPrefix(m[3], ":"))
		switch {
		case strings.HasSuffix(m[3], "+"):
			if set {
				return m[4]
			}
			return ""
		case set:
			return value
		case strings.HasSuffix(m[3], "-"):
			return m[4]
		}
		return whole
	})
}
