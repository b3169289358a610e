package version

import (
	pep440 "github.com/aquasecurity/go-pep440-version"
)

type python struct{ v pep440.Version }

func (a python) Compare(b Version) int { return a.v.Compare(b.(python).v) }

// parsePython leaves out the local label: 2.0+cu118 is a build of 2.0, and
// advisories are about releases. See
// https://packaging.python.org/en/latest/specifications/version-specifiers/.
func parsePython(s string) (Version, error) {
	v, err := pep440.Parse(s)
	if err == nil && v.Local() != "" {
		v, err = pep440.Parse(v.Public())
	}
	if err != nil {
		return nil, err
	}
	return python{v}, nil
}
