package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// objection is a check that fires on a line of a file.
type objection struct {
	file, check string
	line        int
}

// runInfrastructure holds the checks of infrastructure of both against each
// other on one directory, and prints each difference, by kind and check.
func runInfrastructure(gate, trivy, dir string) error {
	ours, undecided, err := gatehouseObjections(gate, dir)
	if err != nil {
		return err
	}
	theirs, err := trivyObjections(trivy, dir)
	if err != nil {
		return err
	}
	known := map[string]bool{} // checks that trivy has fired anywhere
	files := map[[2]string]bool{}
	for o := range theirs {
		known[o.check] = true
		files[[2]string{o.file, o.check}] = true
	}
	same := 0
	kinds := map[string]map[string][]objection{}
	add := func(kind string, o objection) {
		if kinds[kind] == nil {
			kinds[kind] = map[string][]objection{}
		}
		kinds[kind][o.check] = append(kinds[kind][o.check], o)
	}
	fired := map[[2]string]bool{}
	for o := range ours {
		place := [2]string{o.file, o.check}
		fired[place] = true
		switch {
		case theirs[o]:
			same++
		case !known[o.check]:
			add("gatehouse alone, and trivy has it nowhere", o)
		case files[place]:
			add("gatehouse alone, on another line than trivy", o)
		default:
			add("gatehouse alone", o)
		}
	}
	for o := range theirs {
		place := [2]string{o.file, o.check}
		switch {
		case ours[o]:
		case undecided[place] || undecided[[2]string{o.file}]:
			add("trivy alone, and gatehouse says that it could not judge it", o)
		case fired[place]:
			add("trivy alone, on another line than gatehouse", o)
		default:
			add("trivy alone", o)
		}
	}
	fmt.Printf("%s: %d objections in both\n", dir, same)
	if len(ours) == 0 || len(theirs) == 0 {
		return errors.New("one of them objected to nothing")
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		n := 0
		for _, list := range kinds[kind] {
			n += len(list)
		}
		fmt.Printf("%s: %d\n", kind, n)
		for _, check := range slices.Sorted(maps.Keys(kinds[kind])) {
			list := kinds[kind][check]
			slices.SortFunc(list, func(a, b objection) int { return strings.Compare(a.file, b.file) })
			fmt.Printf("  %s: %d, such as %s:%d\n", check, len(list), list[0].file, list[0].line)
		}
	}
	return nil
}

// gatehouseObjections also gives what could not be judged: files, and checks in
// files.
func gatehouseObjections(gate, dir string) (map[objection]bool, map[[2]string]bool, error) {
	out, err := output(gate, "scan", dir, "--scanners", "iac", "--no-cache", "-o", "json")
	if err != nil {
		return nil, nil, err
	}
	var doc struct {
		Report struct {
			Findings []struct {
				Rule     string
				Location struct {
					Path string
					Line int
				}
			}
			Coverage struct {
				Gaps []struct{ Path, Entry, Code string }
			}
		}
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		return nil, nil, err
	}
	all, undecided := map[objection]bool{}, map[[2]string]bool{}
	for _, f := range doc.Report.Findings {
		all[objection{f.Location.Path, f.Rule, f.Location.Line}] = true
	}
	for _, g := range doc.Report.Coverage.Gaps {
		if isCheck(g.Entry) {
			undecided[[2]string{g.Path, g.Entry}] = true
		} else {
			undecided[[2]string{g.Path}] = true
		}
	}
	return all, undecided, nil
}

// isCheck tells ids of checks, such as AWS-0001, from other entries of gaps.
func isCheck(entry string) bool {
	provider, number, ok := strings.Cut(entry, "-")
	return ok && provider == strings.ToUpper(provider) && strings.Trim(number, "0123456789") == ""
}

func trivyObjections(trivy, dir string) (map[objection]bool, error) {
	out, err := output(trivy, "config", "--skip-check-update", "--skip-version-check", "--quiet", "--format", "json", dir)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Results []struct {
			Target, Type      string
			Misconfigurations []struct {
				ID            string
				CauseMetadata struct{ StartLine int }
			}
		}
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		return nil, err
	}
	all := map[objection]bool{}
	for _, r := range doc.Results {
		for _, m := range r.Misconfigurations {
			all[objection{path.Clean(r.Target), m.ID, m.CauseMetadata.StartLine}] = true
		}
	}
	return all, nil
}
