package rules

import (
	"slices"

	"github.com/gatehouse-sec/gatehouse/scanners/secrets/internal/gitleaks"
)

// Add puts the rules of a user's file over the others. In the file:
//
//   - a rule takes the place of all built-in ones with its id;
//   - with [extend] useDefault, a rule with the id of one of gitleaks adds to
//     it, as in gitleaks, and disabledRules takes rules out whatever their
//     source;
//   - without it the built-in rules stay all the same: a file of rules adds to
//     what is found, and only what it names is left out;
//   - an allow list for all rules is for the built-in ones too if useDefault
//     is set, else for those of the file.
//
// Read returns the file that extend.path names.
func Add(all []Rule, name string, data []byte, read func(string) ([]byte, error)) ([]Rule, error) {
	ids := make([]string, len(all))
	for i, r := range all {
		ids[i] = r.ID
	}
	c, usesDefault, err := gitleaks.Load(name, data, read, ids)
	if err != nil {
		return nil, err
	}
	mine, err := fromConfig(name, c, usesDefault)
	if err != nil {
		return nil, err
	}
	out := slices.DeleteFunc(slices.Clone(all), func(r Rule) bool {
		return c.Disabled[r.ID] || slices.ContainsFunc(mine, func(m Rule) bool { return m.ID == r.ID })
	})
	if usesDefault {
		global, err := globalAllow(name, c)
		if err != nil {
			return nil, err
		}
		for i := range out {
			out[i].Allow = append(slices.Clip(out[i].Allow), global...)
		}
	}
	out = append(out, mine...)
	order(out)
	return out, nil
}
