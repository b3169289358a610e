package ospkg

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// dpkgVersion is what dpkg takes as a version; see deb-version(7).
var dpkgVersion = regexp.MustCompile(`^(?:\d+:)?[0-9A-Za-z][0-9A-Za-z.+~:-]*$`)

// parseDpkg reads /var/lib/dpkg/status, or one file of status.d; see
// deb-control(5) for the syntax, and dpkg-query(1) for the states.
func parseDpkg(data []byte) ([]Package, []Problem, error) {
	if err := plain(data); err != nil {
		return nil, nil, err
	}
	var packages []Package
	var problems []Problem
	stanzas := 0
	for line, fields := range paragraphs(data) {
		if len(fields) == 0 {
			continue
		}
		stanzas++
		name, version, status := fields["package"], fields["version"], strings.Fields(fields["status"])
		// "want flag state": what is only known, or was removed, is not there.
		// The files of status.d have no status.
		if len(status) > 0 && (status[len(status)-1] == "not-installed" || status[len(status)-1] == "config-files") {
			continue
		}
		switch {
		case name == "":
			problems = append(problems, Problem{Line: line, Reason: "an entry of dpkg names no package"})
			continue
		case version == "" || !dpkgVersion.MatchString(version):
			problems = append(problems, Problem{Entry: name, Line: line, Reason: fmt.Sprintf("%q is no version of dpkg", clip(version))})
			continue
		}
		p := Package{Name: name, Version: version, Arch: fields["architecture"], Source: name, SourceVersion: version, Line: line}
		if source := fields["source"]; source != "" {
			// "name (version)", with the version if it differs.
			s, v, ok := strings.Cut(source, "(")
			p.Source = strings.TrimSpace(s)
			if v = strings.TrimSuffix(strings.TrimSpace(v), ")"); ok && v != "" {
				p.SourceVersion = v
			}
		}
		for _, field := range []string{"pre-depends", "depends"} {
			p.DependsOn = append(p.DependsOn, dpkgNames(fields[field])...)
		}
		packages = append(packages, p)
	}
	if stanzas == 0 && len(bytes.TrimSpace(data)) > 0 {
		return nil, problems, errors.New("it has no entry of dpkg")
	}
	return packages, problems, nil
}

// dpkgNames are the packages of a relation: "a (>= 1), b | c:any". Of
// alternatives all are named.
func dpkgNames(text string) []string {
	var names []string
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == '|' }) {
		name, _, _ := strings.Cut(strings.TrimSpace(part), " ")
		name, _, _ = strings.Cut(name, ":")
		if name, _, _ = strings.Cut(name, "("); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// DpkgFiles reads /var/lib/dpkg/info/NAME.list, or the .md5sums of status.d:
// the paths that a package owns, without a leading slash.
func DpkgFiles(data []byte) []string {
	var paths []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		if len(line) > 34 && line[32] == ' ' && line[33] == ' ' && line[0] != '/' {
			line = line[34:]
		}
		if line = strings.TrimPrefix(strings.TrimPrefix(line, "/"), "./"); line != "" && line != "." {
			paths = append(paths, line)
		}
	}
	return paths
}

// paragraphs yields the paragraphs of a text of fields, each with the line on
// which it starts. Names of fields are in lower case; continued lines are
// joined by a space.
func paragraphs(data []byte) func(yield func(int, map[string]string) bool) {
	return func(yield func(int, map[string]string) bool) {
		n, start, last := 0, 1, ""
		fields := map[string]string{}
		var more []string // lines that continue a field
		join := func() {
			if len(more) > 0 {
				fields[last] += " " + strings.Join(more, " ")
				more = nil
			}
		}
		for line := range strings.Lines(string(data)) {
			n++
			line = strings.TrimRight(line, "\r\n")
			switch {
			case strings.TrimSpace(line) == "":
				join()
				if len(fields) > 0 && !yield(start, fields) {
					return
				}
				fields, last = map[string]string{}, ""
				start = n + 1
			case line[0] == ' ' || line[0] == '\t':
				if last == "depends" || last == "pre-depends" {
					more = append(more, strings.TrimSpace(line))
				}
			default:
				join()
				key, value, ok := strings.Cut(line, ":")
				if !ok {
					last = ""
					continue
				}
				last = strings.ToLower(strings.TrimSpace(key))
				fields[last] = strings.TrimSpace(value)
			}
		}
		join()
		if len(fields) > 0 {
			yield(start, fields)
		}
	}
}

// plain refuses what is no text.
func plain(data []byte) error {
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return fmt.Errorf("it is no text: there is a zero byte at offset %d", i)
	}
	return nil
}

// clip shortens what is quoted from a database.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
