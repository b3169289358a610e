package policies

import (
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// detectedLicenses are the licences that are known, each once.
func detectedLicenses(all []gatehouse.DetectedLicense) []string {
	var ids []string
	for _, d := range all {
		if d.License != "" && !slices.Contains(ids, d.License) {
			ids = append(ids, d.License)
		}
	}
	return ids
}

// declares reports whether there is a declaration that says more than where the
// licence stands. For "SEE LICENSE IN" see
// https://docs.npmjs.com/cli/configuring-npm/package-json#license.
func declares(licenses []string) bool {
	return slices.ContainsFunc(licenses, func(l string) bool {
		return l != "" && !strings.HasPrefix(strings.ToUpper(l), "SEE LICENSE IN ")
	})
}

// undeclared are the detected licences that no choice names. A licence that is
// declared for later versions, or with an exception, has the same text; and the
// text of the LGPL comes with that of the GPL, on which it builds.
func undeclared(choices [][]string, detected []string) []string {
	if len(choices) == 0 {
		return nil
	}
	named := map[string]bool{}
	for _, choice := range choices {
		for _, id := range choice {
			family := licenseFamily(id)
			named[family] = true
			if strings.HasPrefix(family, "lgpl-") {
				named[family[1:]] = true
			}
		}
	}
	var missing []string
	for _, expression := range detected {
		texts, _ := LicenseChoices(expression)
		for _, id := range slices.Concat(texts...) {
			if !named[licenseFamily(id)] && !slices.Contains(missing, id) {
				missing = append(missing, id)
			}
		}
	}
	return missing
}

// licenseFamily is a licence without what its text does not tell: whether later
// versions are allowed, and exceptions.
func licenseFamily(id string) string {
	id, _, _ = strings.Cut(strings.ToLower(id), " with ")
	for _, suffix := range []string{"+", "-only", "-or-later"} {
		id = strings.TrimSuffix(id, suffix)
	}
	return id
}
