package inventory

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

var (
	// requirementText is a requirement as in PEP 508, without its marker:
	// name, extras, and either a specifier or "@" and a URL.
	requirementText = regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*(?:\(([^)]*)\)|(@.*|[<>=!~].*|))$`)
	exactPin        = regexp.MustCompile(`^={2,3}\s*([^\s,*]+)$`)
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
	for _, l := range requirementLines(string(f.Data)) {
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
		case r.name == "":
			bad = append(bad, badLine{l.line, l.text})
		case r.version == "":
			good++
			inv.gap(gatehouse.GapUnresolved, l.line, r.name, fmt.Sprintf("%s is not pinned to one version, so it is not known what is installed; pin it with == (pip-compile and pip freeze do)", r.name))
		default:
			good++
			inv.add(Package{Eco: PyPI, Name: r.name, Version: r.version, Line: l.line, Direct: !l.via, Dev: devFile(f.Path)})
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
		inv.gap(gatehouse.GapParse, b.line, "", fmt.Sprintf("the line is no requirement of pip; correct it, or rename the file if it is not for pip"))
	}
	return inv, nil
}

type requirementLine struct {
	line int
	text string
	// via is true if pip-compile says that another package asks for it.
	via bool
}

var viaComment = regexp.MustCompile(`#\s*via\b`)

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
			case viaComment.MatchString(trimmed):
				list = strings.TrimSpace(trimmed[viaComment.FindStringIndex(trimmed)[1]:]) == ""
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
	loc := viaComment.FindStringIndex(comment)
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
	if m := requirementText.FindStringSubmatch(s); m != nil {
		r := requirement{name: m[1], marked: marked}
		spec := strings.TrimSpace(cmp.Or(m[2], m[3]))
		if at, ok := strings.CutPrefix(spec, "@"); ok {
			r.url = strings.TrimSpace(at)
			return r
		}
		r.spec = spec
		for one := range strings.SplitSeq(spec, ",") {
			if v := exactPin.FindStringSubmatch(strings.TrimSpace(one)); v != nil {
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
