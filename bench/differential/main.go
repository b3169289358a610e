// Command differential holds gatehouse against trivy and prints each
// difference.
//
//	go run ./differential -db DIR -gatehouse FILE -trivy FILE
//	go run ./differential -iac DIR -gatehouse FILE -trivy FILE
//
// The first makes lockfiles with versions at and beside the borders of each
// advisory in a database, and lets both match them; DIR is the directory that
// "gatehouse db import" wrote, and must be called db. The second lets both check
// the infrastructure in DIR.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.etcd.io/bbolt"
)

func main() {
	db := flag.String("db", "", "directory of the database")
	gate := flag.String("gatehouse", "", "gatehouse binary")
	iac := flag.String("iac", "", "directory with infrastructure, instead of a database")
	trivy := flag.String("trivy", "", "trivy binary")
	flag.Parse()
	compare := func() error { return run(*db, *gate, *trivy) }
	if *iac != "" {
		compare = func() error { return runInfrastructure(*gate, *trivy, *iac) }
	}
	if err := compare(); err != nil {
		fmt.Fprintln(os.Stderr, "differential:", err)
		os.Exit(1)
	}
}

// hit is a package in a file with an advisory.
type hit struct{ file, name, version, id string }

func run(db, gate, trivy string) error {
	dir, err := os.MkdirTemp("", "differential-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	packages, err := candidates(filepath.Join(db, "trivy.db"))
	if err != nil {
		return err
	}
	n, err := write(dir, packages)
	if err != nil {
		return err
	}
	ours, err := gatehouseHits(gate, db, dir)
	if err != nil {
		return err
	}
	theirs, err := trivyHits(trivy, db, dir)
	if err != nil {
		return err
	}
	same, more, missed := 0, map[string][]hit{}, map[string][]hit{}
	for h, names := range ours {
		if slices.ContainsFunc(names, func(id string) bool { return theirs[hit{h.file, h.name, h.version, id}] }) {
			same++
			continue
		}
		more[filepath.Base(h.file)] = append(more[filepath.Base(h.file)], h)
	}
	known := map[hit]bool{}
	for h, names := range ours {
		for _, id := range names {
			known[hit{h.file, h.name, h.version, id}] = true
		}
	}
	for h := range theirs {
		if !known[h] {
			missed[filepath.Base(h.file)] = append(missed[filepath.Base(h.file)], h)
		}
	}
	fmt.Printf("%d versions of packages; %d matches in both\n", n, same)
	if same == 0 {
		return errors.New("nothing was matched by both")
	}
	print := func(title string, by map[string][]hit) {
		for _, file := range slices.Sorted(maps.Keys(by)) {
			list := by[file]
			slices.SortFunc(list, func(a, b hit) int { return strings.Compare(a.name+a.version+a.id, b.name+b.version+b.id) })
			fmt.Printf("%s, %s: %d\n", title, file, len(list))
			for _, h := range list {
				fmt.Printf("  %s %s %s (%s)\n", h.name, h.version, h.id, h.file)
			}
		}
	}
	print("gatehouse alone", more)
	print("trivy alone", missed)
	return nil
}

var literal = regexp.MustCompile(`v?[0-9][0-9A-Za-z.+!_-]*`)

// candidates are the versions to try of each package, by ecosystem.
func candidates(file string) (map[string]map[string][]string, error) {
	db, err := bbolt.Open(file, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	out := map[string]map[string][]string{}
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			ecosystem, _, ok := strings.Cut(string(name), "::")
			if !ok {
				return nil
			}
			if out[ecosystem] == nil {
				out[ecosystem] = map[string][]string{}
			}
			return b.ForEachBucket(func(pkg []byte) error {
				return b.Bucket(pkg).ForEach(func(_, value []byte) error {
					var a struct{ VulnerableVersions, PatchedVersions, UnaffectedVersions []string }
					if err := json.Unmarshal(value, &a); err != nil {
						return err
					}
					list := out[ecosystem][string(pkg)]
					for _, r := range slices.Concat(a.VulnerableVersions, a.PatchedVersions, a.UnaffectedVersions) {
						for _, v := range literal.FindAllString(r, -1) {
							for _, near := range []string{v, v + ".1", v + "-rc1", v + "rc1"} {
								if !slices.Contains(list, near) {
									list = append(list, near)
								}
							}
						}
					}
					out[ecosystem][string(pkg)] = list
					return nil
				})
			})
		})
	})
	return out, err
}

// lock writes lockfiles of one ecosystem.
type lock struct {
	file, head, foot string
	entry            func(name, version string) string
	// good are the versions that the package manager would lock.
	good *regexp.Regexp
}

var (
	semantic = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`)
	locks    = map[string]lock{
		"npm": {"package-lock.json", `{"name":"x","lockfileVersion":3,"packages":{"":{"name":"x"}`, "}}\n", func(n, v string) string { return fmt.Sprintf(",\n%q:{\"version\":%q}", "node_modules/"+n, v) }, semantic},
		"pip": {"requirements.txt", "", "", func(n, v string) string { return n + "==" + v + "\n" }, regexp.MustCompile(`^([0-9]+!)?[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?(\.post[0-9]+)?(\.dev[0-9]+)?$`)},
		"cargo": {"Cargo.lock", "version = 3\n", "", func(n, v string) string {
			return fmt.Sprintf("\n[[package]]\nname = %q\nversion = %q\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n", n, v)
		}, semantic},
		"rubygems": {"Gemfile.lock", "GEM\n  remote: https://rubygems.org/\n  specs:\n", "", func(n, v string) string { return fmt.Sprintf("    %s (%s)\n", n, v) }, regexp.MustCompile(`^[0-9]+(\.[0-9A-Za-z]+)*$`)},
		"composer": {"composer.lock", `{"packages":[{"name":"x/x","version":"1.0.0"}`, "]}\n", func(n, v string) string { return fmt.Sprintf(",\n{\"name\":%q,\"version\":%q}", n, v) }, regexp.MustCompile(`^[0-9]+(\.[0-9]+){0,3}(-?(alpha|beta|rc|RC)\.?[0-9]*)?$`)},
		"go":       {"go.mod", "module x\n\ngo 1.17\n\nrequire (\n", ")\n", func(n, v string) string { return fmt.Sprintf("\t%s v%s\n", n, v) }, semantic},
	}
)

var majorSuffix = regexp.MustCompile(`(?:/|\.)v([0-9]+)$`)

// write makes in each directory a lockfile for each ecosystem, with one version
// of each package, and returns how many versions there are.
func write(dir string, packages map[string]map[string][]string) (n int, err error) {
	for ecosystem, l := range locks {
		texts := map[int]*strings.Builder{}
		for _, name := range slices.Sorted(maps.Keys(packages[ecosystem])) {
			k := 0
			for _, v := range packages[ecosystem][name] {
				v = strings.TrimPrefix(v, "v")
				if !l.good.MatchString(v) || strings.ContainsAny(name, " \"") || ecosystem == "go" && !goModule(name, v) {
					continue
				}
				if texts[k] == nil {
					texts[k] = &strings.Builder{}
				}
				texts[k].WriteString(l.entry(name, v))
				k++
				n++
			}
		}
		for k, b := range texts {
			sub := filepath.Join(dir, fmt.Sprintf("%03d", k))
			if err := os.MkdirAll(sub, 0o755); err != nil {
				return n, err
			}
			if err := os.WriteFile(filepath.Join(sub, l.file), []byte(l.head+b.String()+l.foot), 0o600); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// goModule is true for a version that fits the path of the module.
func goModule(name, v string) bool {
	major, _, _ := strings.Cut(v, ".")
	if m := majorSuffix.FindStringSubmatch(name); m != nil {
		return m[1] == major || m[1] == "1" && major == "0"
	}
	return strings.Contains(name, ".") && (major == "0" || major == "1")
}

func output(name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && len(out) > 0 {
		err = nil // it is not content with what it found
	}
	return out, err
}

// gatehouseHits gives for each finding its ids.
func gatehouseHits(gate, db, dir string) (map[hit][]string, error) {
	out, err := output(gate, "scan", dir, "--scanners", "sca", "--db", db, "--no-cache", "-o", "json")
	if err != nil {
		return nil, err
	}
	var doc struct {
		Report struct {
			Findings []struct {
				Rule          string
				Location      struct{ Path string }
				Vulnerability struct {
					Aliases []string
					Package struct{ Name, Version string }
				}
			}
		}
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		return nil, err
	}
	hits := map[hit][]string{}
	for _, f := range doc.Report.Findings {
		p := f.Vulnerability.Package
		hits[hit{f.Location.Path, strings.ToLower(p.Name), p.Version, f.Rule}] = append([]string{f.Rule}, f.Vulnerability.Aliases...)
	}
	return hits, nil
}

func trivyHits(trivy, db, dir string) (map[hit]bool, error) {
	out, err := output(trivy, "fs", "--scanners", "vuln", "--skip-db-update", "--skip-version-check", "--offline-scan",
		"--cache-dir", filepath.Dir(db), "--quiet", "--format", "json", dir)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Results []struct {
			Target          string
			Vulnerabilities []struct{ VulnerabilityID, PkgName, InstalledVersion string }
		}
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		return nil, err
	}
	hits := map[hit]bool{}
	for _, r := range doc.Results {
		for _, v := range r.Vulnerabilities {
			hits[hit{r.Target, strings.ToLower(v.PkgName), v.InstalledVersion, v.VulnerabilityID}] = true
		}
	}
	return hits, nil
}
