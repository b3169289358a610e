package inventory

import (
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

// npmOrigins says where packages of npm come from. One registry gives most of
// the packages of a file, and they share its origin.
type npmOrigins map[string]*gatehouse.Origin

// codeload is how npm, yarn and pnpm write an archive of a commit on GitHub.
var codeload = lazyregexp.New(`^https://codeload\.github\.com/([^/]+/[^/]+)/tar\.gz/([^/?]+)`)

// of is the origin of what was resolved to a URL or the like; digested is true
// if a digest of the archive is known. Nil if it says nothing.
func (o npmOrigins) of(resolved, name string, digested bool) *gatehouse.Origin {
	if resolved == "" {
		return nil
	}
	if i := strings.Index(resolved, "/-/"); i > 0 && strings.Contains(resolved[:i], "://") {
		return o.registry(strings.TrimSuffix(strings.TrimSuffix(resolved[:i], name), "/"))
	}
	if strings.HasPrefix(resolved, "https://npm.pkg.github.com/") {
		return o.registry("https://npm.pkg.github.com")
	}
	if m := codeload().FindStringSubmatch(resolved); m != nil {
		return repository("https://github.com/"+m[1], strings.Clone(m[2]))
	}
	return placeOrigin(resolved, digested)
}

// bundled is the origin of what lies in the archive of another package, whose
// digest covers it.
var bundled = &gatehouse.Origin{Kind: "path", Pinned: true}

func (o npmOrigins) registry(url string) *gatehouse.Origin {
	if i := strings.LastIndex(url, "/@"); i > 0 && strings.Count(url[i+1:], "/") <= 1 {
		url = url[:i] // "@scope/name" below the registry, under another name
	} else if i := strings.LastIndex(strings.ToLower(url), "/%40"); i > 0 {
		url = url[:i]
	}
	known := o[url]
	if known == nil {
		known = fromRegistry(strings.Clone(url))
		o[strings.Clone(url)] = known
	}
	return known
}

// gitHosts are the short names of hosts; see
// https://docs.npmjs.com/cli/v11/using-npm/package-spec.
var gitHosts = map[string]string{"github:": "https://github.com/", "gitlab:": "https://gitlab.com/", "bitbucket:": "https://bitbucket.org/", "gist:": "https://gist.github.com/"}

// placeOrigin is the origin of what is installed from a URL, a repository or a
// directory, as npm, yarn, pnpm and bun write it; nil if it is none of these.
func placeOrigin(spec string, digested bool) *gatehouse.Origin {
	spec = strings.Clone(spec)
	for short, url := range gitHosts {
		if rest, ok := strings.CutPrefix(spec, short); ok {
			return gitOrigin(url + rest)
		}
	}
	scheme, rest, _ := strings.Cut(spec, ":")
	switch scheme {
	case "workspace":
		return &gatehouse.Origin{Kind: "workspace", URL: rest, Pinned: true}
	case "link", "portal", "file":
		return &gatehouse.Origin{Kind: "path", URL: strings.TrimPrefix(rest, "//"), Pinned: true}
	case "git", "git+https", "git+http", "git+ssh", "git+file", "ssh":
		return gitOrigin(spec)
	case "http", "https":
		if plain, _, _ := strings.Cut(rest, "#"); strings.HasSuffix(plain, ".git") || strings.Contains(rest, ".git#commit=") {
			return gitOrigin(spec)
		}
		url, _, _ := strings.Cut(spec, "#")
		return &gatehouse.Origin{Kind: "url", URL: redactURL(url), Pinned: digested}
	}
	if strings.HasPrefix(spec, "git@") {
		return gitOrigin("ssh://" + strings.Replace(spec, ":", "/", 1))
	}
	return nil
}

// gitOrigin splits "git+ssh://git@host/repository.git#revision".
func gitOrigin(spec string) *gatehouse.Origin {
	url, revision, _ := strings.Cut(strings.TrimPrefix(spec, "git+"), "#")
	// yarn 2 writes several parameters after the "#".
	for part := range strings.SplitSeq(revision, "&") {
		if rest, ok := strings.CutPrefix(part, "commit="); ok {
			revision = rest
			break
		}
	}
	return repository(url, revision)
}
