package ospkg

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// parseAPK reads the database of apk: paragraphs with one letter for each
// field; see https://wiki.alpinelinux.org/wiki/Apk_spec.
func parseAPK(data []byte) ([]Package, []Problem, error) {
	if err := plain(data); err != nil {
		return nil, nil, err
	}
	var packages []Package
	var problems []Problem
	var p Package
	n, fields, dir := 0, 0, ""
	flush := func() {
		switch {
		case fields == 0:
		case p.Name == "" || p.Version == "":
			problems = append(problems, Problem{Entry: p.Name, Line: p.Line, Reason: "an entry of apk has no name or no version"})
		default:
			if p.Source == "" {
				p.Source = p.Name
			}
			p.SourceVersion = p.Version
			packages = append(packages, p)
		}
		p, fields, dir = Package{}, 0, ""
	}
	for line := range strings.Lines(string(data)) {
		n++
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			flush()
			continue
		}
		if len(line) < 2 || line[1] != ':' {
			problems = append(problems, Problem{Entry: p.Name, Line: n, Reason: "a line is no field of apk (letter, colon, value)"})
			continue
		}
		if fields++; p.Line == 0 {
			p.Line = n
		}
		switch value := line[2:]; line[0] {
		case 'P':
			p.Name = value
		case 'V':
			p.Version = value
		case 'A':
			p.Arch = value
		case 'o':
			p.Source = value
		case 'L':
			p.Licenses = []string{value}
		case 'C':
			p.Hashes = apkDigest(value)
		case 'D':
			for dep := range strings.FieldsSeq(value) {
				if dep[0] != '!' { // a conflict
					p.DependsOn = append(p.DependsOn, dep[:length(dep, "<>=~")])
				}
			}
		case 'F':
			dir = value
		case 'R':
			if len(dir)+len(value) < maxPath {
				p.Files = append(p.Files, strings.TrimPrefix(dir+"/"+value, "/"))
			}
		}
	}
	flush()
	if len(packages)+len(problems) == 0 && strings.TrimSpace(string(data)) != "" {
		return nil, nil, errors.New("it has no entry of apk")
	}
	return packages, problems, nil
}

// length is how much of s comes before any of the characters.
func length(s, chars string) int {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return i
	}
	return len(s)
}

// apkDigest reads the digest of the control part: "Q1" and base64 for SHA-1,
// "Q2" for SHA-256.
func apkDigest(value string) []string {
	for prefix, algorithm := range map[string]string{"Q1": "sha1", "Q2": "sha256"} {
		if text, ok := strings.CutPrefix(value, prefix); ok {
			if sum, err := base64.StdEncoding.DecodeString(text); err == nil {
				return []string{algorithm + ":" + hex.EncodeToString(sum)}
			}
		}
	}
	return nil
}
