package kustomize

import (
	"net/url"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// Remote is an entry of a kustomization that is fetched from elsewhere.
type Remote struct {
	Text string `json:"text"`
	// Revision is the branch, tag or commit that it names; empty if it names
	// none, so that the default branch is taken.
	Revision string `json:"revision"`
	Line     int    `json:"line"`
}

// remoteFields are the fields of kustomizations whose entries may be addresses.
var remoteFields = []string{"resources", "bases", "components", "generators", "transformers", "validators", "crds"}

// The forms of addresses of files in repositories, with the revision. Releases
// of GitHub have it in the address too, or "latest".
var fileForms = []func() *regexp.Regexp{
	lazyregexp.New(`^https://raw\.githubusercontent\.com/[^/]+/[^/]+/(?:refs/heads/|refs/tags/)?([^/]+)/`),
	lazyregexp.New(`^https://github\.com/[^/]+/[^/]+/(?:raw|blob)/(?:refs/heads/|refs/tags/)?([^/]+)/`),
	lazyregexp.New(`^https://github\.com/[^/]+/[^/]+/releases/(latest)/download/`),
	lazyregexp.New(`^https://github\.com/[^/]+/[^/]+/releases/download/([^/]+)/`),
	lazyregexp.New(`^https://[^/]+/.+/-/raw/([^/]+)/`),
}

// Remotes lists what a kustomization takes from repositories elsewhere. Of other
// addresses nobody can tell whether what is there changes, and they are left
// out.
func Remotes(doc *yaml.Node) []Remote {
	var all []Remote
	for _, field := range remoteFields {
		list := document.Get(doc, field)
		if list == nil || list.Kind != yaml.SequenceNode {
			continue
		}
		for _, item := range list.Content {
			item = document.Resolve(item)
			if item.Kind != yaml.ScalarNode {
				continue
			}
			if revision, ok := revisionOf(item.Value); ok {
				all = append(all, Remote{Text: item.Value, Revision: revision, Line: item.Line})
			}
		}
	}
	return all
}

// revisionOf is the revision in the address of something in a repository.
func revisionOf(entry string) (revision string, ok bool) {
	for _, form := range fileForms {
		if m := form().FindStringSubmatch(entry); m != nil {
			return m[1], true
		}
	}
	address, query, _ := strings.Cut(entry, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", false
	}
	for _, key := range []string{"ref", "version"} { // the latter is how it was called before
		if values.Has(key) {
			return values.Get(key), true
		}
	}
	switch {
	case strings.HasSuffix(address, ".yaml"), strings.HasSuffix(address, ".yml"), strings.HasSuffix(address, ".json"):
		return "", false // a file of a server
	case strings.HasPrefix(entry, "git@"), strings.HasPrefix(entry, "git::"), strings.HasPrefix(entry, "ssh://"), strings.Contains(address, ".git"):
		return "", true
	}
	bare := strings.TrimPrefix(address, "https://")
	return "", strings.HasPrefix(bare, "github.com/") || strings.HasPrefix(bare, "gitlab.com/") || strings.HasPrefix(bare, "bitbucket.org/")
}
