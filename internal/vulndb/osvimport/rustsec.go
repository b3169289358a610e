package osvimport

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

// rustsecAdvisory is the front matter of an advisory in the RustSec database;
// see https://github.com/RustSec/advisory-db/blob/main/EXAMPLE_ADVISORY.md.
type rustsecAdvisory struct {
	Advisory struct {
		ID         string   `toml:"id"`
		Package    string   `toml:"package"`
		Collection string   `toml:"collection"`
		Date       any      `toml:"date"`
		Withdrawn  any      `toml:"withdrawn"`
		URL        string   `toml:"url"`
		Aliases    []string `toml:"aliases"`
		References []string `toml:"references"`
		CVSS       string   `toml:"cvss"`
		Categories []string `toml:"categories"`
		Informal   string   `toml:"informational"`
	} `toml:"advisory"`
	Versions struct {
		Patched    []string `toml:"patched"`
		Unaffected []string `toml:"unaffected"`
	} `toml:"versions"`
}

// parseRustSec reads a RustSec advisory: TOML between fences, then Markdown.
func parseRustSec(data []byte, now time.Time) (*parsed, error) {
	text := string(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")))
	front, body, ok := strings.Cut(strings.TrimPrefix(strings.TrimLeft(text, "\n"), "```toml\n"), "\n```")
	if !ok {
		return nil, errors.New("no valid RustSec advisory: there is no block of TOML")
	}
	var a rustsecAdvisory
	if _, err := toml.Decode(front, &a); err != nil {
		return nil, fmt.Errorf("no valid RustSec advisory: %w", err)
	}
	if a.Advisory.ID == "" || a.Advisory.Package == "" {
		return nil, errors.New("no valid RustSec advisory: it has no id or no package")
	}
	p := &parsed{id: a.Advisory.ID}
	if withdrawn := tomlTime(a.Advisory.Withdrawn); !withdrawn.IsZero() && !withdrawn.After(now) {
		p.withdrawn = true
		return p, nil
	}
	p.modified = tomlTime(a.Advisory.Date)
	p.newest = p.modified
	p.ids, p.aliases = names(a.Advisory.ID, a.Advisory.Aliases)
	p.names = append(append([]string{p.id}, p.ids...), p.aliases...)
	title, description, _ := strings.Cut(strings.TrimLeft(body, "\n"), "\n")
	p.detail = vulndb.Detail{
		Title: strings.TrimSpace(strings.TrimLeft(title, "#")), Description: strings.TrimSpace(description),
		References: slices.DeleteFunc(append([]string{a.Advisory.URL}, a.Advisory.References...), func(s string) bool { return s == "" }),
		Published:  p.modified,
	}
	p.detail.Malicious = slices.Contains(a.Advisory.Categories, "malicious")
	p.detail.Informational = strings.TrimSpace(a.Advisory.Informal)
	p.rating.vector(a.Advisory.CVSS)
	p.rating = p.rating.fill()
	if a.Advisory.Collection == "rust" {
		// The toolchain itself; it is in no lockfile.
		p.unknownEcosystems = append(p.unknownEcosystems, "Rust toolchain")
		return p, nil
	}
	adv := advisory{ecosystem: "cargo", pkg: a.Advisory.Package}
	var err error
	if adv.patched, err = cargoRanges(a.Versions.Patched); err == nil {
		adv.unaffected, err = cargoRanges(a.Versions.Unaffected)
	}
	if err != nil {
		p.problems = append(p.problems, problem{adv.pkg, err.Error()})
		return p, nil
	}
	if len(adv.patched)+len(adv.unaffected) == 0 {
		adv.vulnerable = []string{">=0"}
	}
	p.advisories = append(p.advisories, adv)
	return p, nil
}

// cargoRanges checks that ranges consist of comparisons with versions, so that
// a typing error does not make a range that holds everything or nothing.
func cargoRanges(ranges []string) ([]string, error) {
	versions := parserOf("cargo")
	var out []string
	for _, r := range ranges {
		r = strings.TrimSpace(r)
		for part := range strings.SplitSeq(r, ",") {
			text := strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(part), "<>=^~"))
			if _, err := versions.version(text); err != nil {
				return nil, fmt.Errorf("range %.80q: %w", r, err)
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// tomlTime reads a date, which is written as text or as a TOML date.
func tomlTime(v any) time.Time {
	switch v := v.(type) {
	case time.Time:
		return v.UTC()
	case string:
		if t, err := time.Parse(time.DateOnly, v); err == nil {
			return t
		}
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			return t
		}
	}
	return time.Time{}
}
