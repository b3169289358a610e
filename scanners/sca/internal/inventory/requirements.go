package inventory

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

var (
	// requirementText is a requirement as in PEP 508, without its marker:
	// name, extras, and either a specifier or "@" and a URL.
	requirementText = lazyregexp.New(`^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*(?:\(([^)]*)\)|(@.*|[<>=!~].*|))$`)
	exactPin        = lazyregexp.New(`^={2,3}\s*([^\s,*]+)$`)
)

// parseRequirements reads a requirements file of pip: only a requirement that
// is pinned with "==" names a version, anything else is a gap. See
// https://pip.pypa.io/en/stable/reference/requirements-file-format/.
func parseRequirements(f *Lockfile) (Inventory, error) {
	var inv Inventory
	type badLine struct {
		line int
		text string
	}
	var bad []badLine
	good := 0
	lines := requirementLines(string(f.Data))
	index := readPipIndex(lines)
	for _, l := range lines {
		if strings.HasPrefix(l.text, "-") {
			good++
			parseRequirementOption(f, &inv, l.line, l.text)
			continue
		}
		switch r := splitRequirement(l.text); {
		case r.local:
			good++ // a directory of the project itself
		case r.url != "":
			good++
			inv.gap(gatehouse.GapUnmatched, l.line, cmp.Or(r.name, redactURL(r.url)), fmt.Sprintf("%s is installed from a URL, so no advisory can be matched; install a release by version", cmp.Or(r.name, "the package")))
			inv.addElsewhere(f, r.name, r.url, l)
		case r.name == "":
			bad = append(bad, badLine{l.line, l.text})
		case r.version == "":
			good++
			inv.gap(gatehouse.GapUnresolved, l.line, r.name, fmt.Sprintf("%s is not pinned to one version, so it is not known what is installed; pin it with == (pip-compile and pip freeze do)", r.name))
		default:
			good++
			p := Package{Eco: PyPI, Name: r.name, Version: r.version, Line: l.line, Direct: !l.via, Hashes: requirementHashes(l.text)}
			p.Scope, p.Dev = requirementsScope(f.Path)
			if p.Direct {
				p.Requirement = r.spec
			}
			p.Origin = index.origin(len(p.Hashes) > 0)
			inv.add(p)
		}
	}
	base := strings.ToLower(path.Base(f.Path))
	if good == 0 && len(bad) > 0 && !strings.HasPrefix(base, "requirements") && !strings.HasSuffix(base, "requirements.txt") {
		inv.Skip = "no line is a requirement of pip"
		return inv, nil
	}
	const most = 20
	for i, b := range bad {
		if i == most {
			inv.gap(gatehouse.GapParse, b.line, "", fmt.Sprintf("%d more lines are no requirements of pip", len(bad)-most))
			break
		}
		inv.gap(gatehouse.GapParse, b.line, "", "the line is no requirement of pip; correct it, or rename the file if it is not for pip")
	}
	return inv, nil
}

// requirementsScope tells from the name of a file what it is for.
func requirementsScope(name string) (gatehouse.Scope, bool) {
	if devFile(name) {
		return gatehouse.ScopeDev, true
	}
	return gatehouse.ScopeRuntime, false
}

// addElsewhere adds a package that is installed from a URL or a repository.
func (inv *Inventory) addElsewhere(f *Lockfile, name, url string, l requirementLine) {
	if _, egg, ok := strings.Cut(url, "#egg="); ok && name == "" {
		name, _, _ = strings.Cut(egg, "&")
	}
	if name == "" {
		return
	}
	hashes := requirementHashes(l.text)
	p := Package{Eco: PyPI, Name: strings.Clone(name), Line: l.line, Direct: true, Hashes: hashes, Origin: pipOrigin(strings.Clone(url), len(hashes) > 0),
		Unmatched: "it is installed from a URL and not by its version from PyPI"}
	p.Scope, p.Dev = requirementsScope(f.Path)
	inv.add(p)
}

// pipOrigin reads "git+https://host/repository.git@revision#egg=name" and plain
// URLs; see https://pip.pypa.io/en/stable/topics/vcs-support/.
func pipOrigin(url string, digested bool) *gatehouse.Origin {
	url, fragment, _ := strings.Cut(url, "#")
	vcs, rest, ok := strings.Cut(url, "+")
	if !ok || !slices.Contains([]string{"git", "hg", "svn", "bzr"}, vcs) {
		pinned := digested || strings.Contains(fragment, "sha256=") || strings.Contains(fragment, "sha512=")
		return &gatehouse.Origin{Kind: "url", URL: redactURL(url), Pinned: pinned}
	}
	revision := ""
	if i := strings.LastIndexByte(rest, '@'); i > strings.LastIndexByte(rest, '/') {
		rest, revision = rest[:i], rest[i+1:]
	}
	return repository(rest, revision)
}

var requirementHash = lazyregexp.New(`--hash[= ]\s*(\w+):([0-9a-fA-F]+)`)

// requirementHashes are the digests of the archives that a line allows.
func requirementHashes(text string) []string {
	if !strings.Contains(text, "--hash") {
		return nil
	}
	var found []string
	for _, m := range requirementHash().FindAllStringSubmatch(text, -1) {
		found = append(found, digests(hexDigest(m[1], m[2]))...)
	}
	return found
}

// pipIndex is where the lines of a file tell pip to look; without any it is
// what pip is configured with, which is not known.
type pipIndex struct {
	url   string
	extra bool // the same name may come from another index
}

func readPipIndex(lines []requirementLine) (index pipIndex) {
	for _, l := range lines {
		name, value, _ := strings.Cut(strings.Replace(l.text, "=", " ", 1), " ")
		switch name {
		case "-i", "--index-url", "--pypi-url":
			index.url = strings.TrimSpace(value)
		case "--extra-index-url", "-f", "--find-links":
			index.extra = true
		}
	}
	return index
}

func (x pipIndex) origin(digested bool) *gatehouse.Origin {
	switch {
	case x.extra:
		// pip takes the newest of all indexes: which one is not known.
		return &gatehouse.Origin{Kind: "registry", Pinned: digested}
	case x.url != "":
		return fromRegistry(strings.Clone(x.url))
	}
	return nil
}

type requirementLine struct {
	line int
	text string
	// via is true if pip-compile says that another package asks for it.
	via bool
}

var viaComment = lazyregexp.New(`#\s*via\b`)

// requirementLines joins continued lines and removes comments, options of a
// single requirement and markers.
func requirementLines(text string) []requirementLine {
	var lines []requirementLine
	n, start, joined := 0, 0, ""
	via, last := false, -1 // last is where a comment below the line belongs
	list := false          // within a "# via" of several lines
	flush := func() {
		s := joined
		joined = ""
		if i := commentStart(s); i >= 0 {
			via = via || fromPackage(s[i:])
			s = s[:i]
		}
		s = strings.TrimSpace(s)
		if s == "" {
			return
		}
		lines = append(lines, requirementLine{start, s, via})
		last = len(lines) - 1
		via = false
	}
	for raw := range strings.Lines(text) {
		n++
		raw = strings.TrimRight(raw, "\n\r")
		if trimmed := strings.TrimSpace(raw); joined == "" && strings.HasPrefix(trimmed, "#") {
			switch {
			case last < 0:
			case viaComment().MatchString(trimmed):
				list = strings.TrimSpace(trimmed[viaComment().FindStringIndex(trimmed)[1]:]) == ""
				lines[last].via = list || fromPackage(trimmed)
			case list && !fromPackage("# via "+strings.TrimLeft(trimmed, "# ")):
				lines[last].via = false // a file asks for it too
			}
			continue
		}
		list = false
		if joined == "" {
			start = n
		}
		if before, ok := strings.CutSuffix(raw, `\`); ok {
			joined += before + " "
			continue
		}
		joined += raw
		flush()
	}
	flush()
	return lines
}

// fromPackage is true for the comment of pip-compile and uv that another
// package, and not a file, asks for the requirement.
func fromPackage(comment string) bool {
	loc := viaComment().FindStringIndex(comment)
	if loc == nil {
		return false
	}
	by := strings.TrimSpace(comment[loc[1]:])
	return by != "" && !strings.Contains(by, "-r ") && !strings.Contains(by, "-c ") && !strings.Contains(by, "(")
}

// commentStart finds the "#" that starts a comment: at the start or after
// white space.
func commentStart(s string) int {
	for i := range len(s) {
		if s[i] == '#' && (i == 0 || s[i-1] == ' ' || s[i-1] == '\t') {
			return i
		}
	}
	return -1
}

// requirement is one requirement; name is empty if it is none.
type requirement struct {
	name, version, url string
	// spec is what is asked for, as written: ">=1,<2".
	spec  string
	local bool
	// marked is true if it holds in some environments only.
	marked bool
}

func splitRequirement(s string) requirement {
	marked := false
	for _, sep := range []string{" --", ";"} {
		if before, _, ok := strings.Cut(s, sep); ok && !strings.Contains(before, "://") || ok && sep == " --" {
			s = strings.TrimSpace(before)
			marked = marked || sep == ";"
		}
	}
	if m := requirementText().FindStringSubmatch(s); m != nil {
		r := requirement{name: m[1], marked: marked}
		spec := strings.TrimSpace(cmp.Or(m[2], m[3]))
		if at, ok := strings.CutPrefix(spec, "@"); ok {
			r.url = strings.TrimSpace(at)
			return r
		}
		r.spec = spec
		for one := range strings.SplitSeq(spec, ",") {
			if v := exactPin().FindStringSubmatch(strings.TrimSpace(one)); v != nil {
				r.version = v[1]
			}
		}
		return r
	}
	switch {
	case strings.Contains(s, "://") || strings.HasPrefix(s, "git+"):
		return requirement{url: s}
	case s == "." || strings.HasPrefix(s, "./") || strings.HasPrefix(s, ".[") || strings.HasPrefix(s, "../") || strings.HasPrefix(s, "/"):
		if strings.HasSuffix(s, ".whl") || strings.HasSuffix(s, ".tar.gz") || strings.HasSuffix(s, ".zip") {
			return requirement{url: s}
		}
		return requirement{local: true}
	case !strings.ContainsAny(s, " \t") && (strings.HasSuffix(s, ".whl") || strings.HasSuffix(s, ".tar.gz") || strings.HasSuffix(s, ".zip")):
		return requirement{url: s}
	}
	return requirement{}
}

// parseRequirementOption looks at a line that starts with "-".
func parseRequirementOption(f *Lockfile, inv *Inventory, line int, text string) {
	name, value := text, ""
	if i := strings.IndexAny(text, " \t="); i >= 0 {
		name, value = text[:i], strings.TrimSpace(strings.TrimLeft(text[i:], " \t="))
	} else if len(text) > 2 && text[1] != '-' {
		name, value = text[:2], text[2:] // -rfile
	}
	switch name {
	case "-r", "--requirement":
		at := path.Join(path.Dir(f.Path), value)
		switch {
		case strings.Contains(value, "://"), path.IsAbs(value), at == "..", strings.HasPrefix(at, "../"):
			inv.gap(gatehouse.GapUnresolved, line, redactURL(value), fmt.Sprintf("the included file %q is not part of what is scanned", redactURL(value)))
		case !isRequirements(at):
			inv.gap(gatehouse.GapUnresolved, line, value, fmt.Sprintf("the included file %q is not read, because its name does not say that it is for pip; call it requirements-NAME.txt", value))
		}
	case "-e", "--editable":
		value, _, _ = strings.Cut(value, " ")
		if strings.Contains(value, "://") || strings.HasPrefix(value, "git+") || strings.Contains(value, "@") && !strings.HasPrefix(value, ".") {
			inv.gap(gatehouse.GapUnmatched, line, redactURL(value), "the package is installed from a repository, so no advisory can be matched; install a release by version")
			inv.addElsewhere(f, "", value, requirementLine{line: line, text: text})
		}
	}
}

// redactURL removes user and password from a URL.
func redactURL(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	host, tail, slash := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	host, _, _ = strings.Cut(host, "?")
	if slash {
		host += "/"
	}
	if i := strings.IndexAny(tail, "?"); i >= 0 {
		tail = tail[:i]
	}
	return scheme + "://" + host + tail
}

// devFile tells from the name that a file is for development only.
func devFile(name string) bool {
	base := strings.ToLower(strings.TrimSuffix(path.Base(name), path.Ext(name)))
	for word := range strings.FieldsFuncSeq(base, func(r rune) bool { return r == '-' || r == '_' || r == '.' }) {
		switch word {
		case "dev", "develop", "development", "test", "tests", "testing", "lint", "docs", "doc":
			return true
		}
	}
	return false
}
