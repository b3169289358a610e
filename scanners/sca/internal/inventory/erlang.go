package inventory

import (
	"errors"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/lazyregexp"
)

var (
	rebarHex  = lazyregexp.New(`\{<<"([^"]+)">>,\s*\{pkg,\s*<<"([^"]+)">>,\s*<<"([^"]+)">>[^}]*\},\s*(\d+)\}`)
	rebarGit  = lazyregexp.New(`\{<<"([^"]+)">>,\s*\{(?:git|hg|git_subdir),\s*"([^"]*)",\s*\{ref,\s*"([^"]*)"\}[^}]*\},\s*(\d+)\}`)
	rebarAny  = lazyregexp.New(`\{<<"([^"]+)">>,\s*\{(\w+),`)
	rebarHash = lazyregexp.New(`\{<<"([^"]+)">>,\s*<<"([0-9A-Fa-f]{64})">>\}`)
)

// parseRebarLock reads rebar.lock, a list of Erlang terms; see
// https://rebar3.org/docs/configuration/dependencies.
func parseRebarLock(f *Lockfile) (Inventory, error) {
	var inv Inventory
	text, sums, _ := strings.Cut(string(f.Data), "{pkg_hash")
	if !strings.Contains(text, "[") || !strings.Contains(text, "]") {
		return inv, errors.New("it is no list of Erlang, so it is no lockfile of rebar3")
	}
	hashes := map[string]string{}
	outer := sums
	if _, ext, ok := strings.Cut(sums, "{pkg_hash_ext"); ok {
		outer = ext // of the archive itself
	}
	for _, m := range rebarHash().FindAllStringSubmatch(outer, -1) {
		hashes[m[1]] = hexDigest("sha256", m[2])
	}
	index := newLineIndex(f.Data)
	known := map[string]bool{}
	for _, m := range rebarHex().FindAllStringSubmatchIndex(text, -1) {
		part := func(i int) string { return text[m[2*i]:m[2*i+1]] }
		known[part(1)] = true
		inv.add(Package{Eco: Hex, Name: part(2), Version: part(3), Line: index.line(int64(m[0])), Direct: part(4) == "0",
			Hashes: digests(hashes[part(1)]), Origin: fromRegistry("https://repo.hex.pm")})
	}
	for _, m := range rebarGit().FindAllStringSubmatchIndex(text, -1) {
		part := func(i int) string { return text[m[2*i]:m[2*i+1]] }
		known[part(1)] = true
		inv.add(Package{Eco: Hex, Name: part(1), Version: part(3), Line: index.line(int64(m[0])), Direct: part(4) == "0",
			Origin: repository(part(2), part(3)), Unmatched: "it is installed from a repository and not from Hex"})
	}
	for _, m := range rebarAny().FindAllStringSubmatchIndex(text, -1) {
		if name := text[m[2]:m[3]]; !known[name] {
			inv.gap(gatehouse.GapParse, index.line(int64(m[0])), name, "the entry is no locked package of rebar3")
		}
	}
	return inv, nil
}
