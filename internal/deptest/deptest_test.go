package deptest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/gatehouse-sec/gatehouse"

// ban forbids packages below from to import packages below to (just that
// package if to ends in "$"), except those below except. A ban whose packages do not exist any more fails.
type ban struct {
	from, to string
	except   []string
	// deep also forbids it through other packages.
	deep   bool
	reason string
}

var bans = []ban{
	{from: ".", to: "./", except: []string{"./internal/limits"}, reason: "the nouns come first: anything of ours that the root needed would be a cycle in waiting"},
	{from: "./policies", to: "./scanners", deep: true, reason: "judges see only their input"},
	{from: "./scanners", to: "./policies", deep: true, reason: "finders do not judge"},
	{from: "./scanners/secrets", to: "./scanners", except: []string{"./scanners/secrets", "./scanners/scannertest"}, reason: "each scanner can be removed on its own"},
	{from: "./scanners/sca", to: "./scanners", except: []string{"./scanners/sca", "./scanners/scannertest"}, reason: "each scanner can be removed on its own"},
	{from: "./scanners/iac", to: "./scanners", except: []string{"./scanners/iac", "./scanners/scannertest"}, reason: "each scanner can be removed on its own"},
	{from: "./scanners/image", to: "./scanners", except: []string{"./scanners/image", "./scanners/scannertest"}, reason: "each scanner can be removed on its own"},
	{from: "./scanners/config", to: "./scanners", except: []string{"./scanners/config", "./scanners/scannertest"}, reason: "each scanner can be removed on its own"},
	{from: "./internal/render", to: "./policies", deep: true, reason: "all outputs are made from report and verdict alone"},
	{from: "./internal/render", to: "./scanners", deep: true, reason: "all outputs are made from report and verdict alone"},
	{from: "./admission", to: "./scanners", deep: true, reason: "what stands in the way of a cluster is small"},
	{from: "./admission", to: "github.com/open-policy-agent/opa", deep: true, reason: "what stands in the way of a cluster is small"},
	{from: "./attest", to: "./scanners", deep: true, reason: "who verifies a verdict needs nobody who finds or judges"},
	{from: "./attest", to: "./policies", deep: true, reason: "who verifies a verdict needs nobody who finds or judges"},
	{from: "./attest$", to: "github.com/sigstore", deep: true, reason: "verification with keys alone stays small; bundles with certificates are verified in attest/sigstore"},
	{from: "./attest/sign$", to: "github.com/sigstore", deep: true, reason: "the clients of its services bring 30 packages that nobody else needs, of OpenPGP, TUF and browsers"},
	{from: "./", to: "github.com/sigstore/cosign", deep: true, reason: "it brings the libraries of all clouds; it is a peer, which e2e/attest builds"},
	{from: "./", to: "./cmd", reason: "commands are the top"},
	{from: "./", to: "./internal/cli", except: []string{}, reason: "only commands see everything"},
	{from: "./", to: "github.com/google/go-containerregistry", reason: "registries are talked to in one place"},
	{from: "./", to: "github.com/open-policy-agent/opa", reason: "policies and the checks of configuration evaluate Rego, nobody else"},
	{from: "./scanners", to: "net/http", reason: "a scanner reads what it is given"},
	{from: "./scanners", to: "os/exec", reason: "a scanner starts no program"},
	{from: "./policies", to: "net/http", reason: "policies have no network"},
	{from: "./", to: "github.com/aquasecurity/trivy/pkg/misconf", deep: true, reason: "700 packages, and its own driver"},
	{from: "./", to: "github.com/aquasecurity/trivy/pkg/fanal/analyzer", deep: true, reason: "2,187 packages, and it swallows errors"},
	{from: "./", to: "github.com/aquasecurity/trivy/pkg/iac/rego$", deep: true, reason: "it compiles all checks twice for each process"},
	{from: "./", to: "github.com/aquasecurity/trivy/pkg/iac/scanners/helm", deep: true, reason: "60 MB of memory at start; helm's engine alone renders charts"},
	{from: "./", to: "sigs.k8s.io/kustomize/api/krusty", deep: true, reason: "it loads Go plug-ins, for which the linker keeps everything: 34 MB, and 47 MB of memory at each start; and it clones, fetches and runs"},
	{from: "./", to: "github.com/aquasecurity/trivy-db/pkg/vulndb", deep: true, reason: "an init function there runs the go command, and panics without it"},
	{from: "./", to: "github.com/aquasecurity/trivy-db/pkg/db", deep: true, reason: "one global database for each process, and it deletes files"},
}

// allowed are the importers for which a ban does not hold.
var allowed = map[string][]string{
	"./cmd":                                  {},
	"./internal/cli":                         {"./cmd", "./internal/cli"},
	"github.com/google/go-containerregistry": {"./internal/registry", "./internal/image", "./internal/vulndb/pull", "./attest/store"},
	"github.com/open-policy-agent/opa":       {"./policies", "./scanners/iac"},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func load(t *testing.T) (own []string, all map[string]*pkg) {
	t.Helper()
	list := func(args ...string) []byte {
		cmd := exec.Command("go", append([]string{"list"}, args...)...)
		cmd.Dir = "../.."
		out, err := cmd.Output()
		if err != nil {
			var stderr []byte
			if e, ok := errors.AsType[*exec.ExitError](err); ok {
				stderr = e.Stderr
			}
			t.Fatalf("go list: %v\n%s", err, stderr)
		}
		return out
	}
	own = strings.Fields(string(list("./...")))
	all = map[string]*pkg{}
	dec := json.NewDecoder(bytes.NewReader(list("-deps", "-json=ImportPath,Imports", "./...")))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = &p
	}
	if len(own) < 10 || len(all) < 100 {
		t.Fatalf("only %d packages of %d were found", len(own), len(all))
	}
	return own, all
}

// full turns the short form of a rule into an import path.
func full(p string) string {
	return strings.TrimSuffix(strings.Replace(p, "./", module+"/", 1), "/")
}

func below(p, prefix string) bool {
	if prefix == "." {
		return p == module
	}
	prefix, exact := strings.CutSuffix(full(prefix), "$")
	if exact {
		return p == prefix
	}
	return p == prefix || strings.HasPrefix(p, prefix+"/")
}

func anyBelow(p string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return below(p, prefix) })
}

// TestImports guards against TM-16, among others.
func TestImports(t *testing.T) {
	own, all := load(t)
	for _, b := range bans {
		if strings.HasPrefix(b.to, "./") && !slices.ContainsFunc(own, func(p string) bool { return below(p, b.to) }) {
			t.Errorf("the ban on %s is stale: there is no such package", b.to)
		}
		froms := 0
		for _, p := range own {
			if !below(p, b.from) || anyBelow(p, allowed[b.to]) {
				continue
			}
			froms++
			if b.deep {
				if path := find(all, p, b.to, map[string]bool{}); path != nil {
					t.Errorf("%s must not reach %s, because %s: %s", p, b.to, b.reason, strings.Join(path, " → "))
				}
				continue
			}
			for _, imp := range all[p].Imports {
				if below(imp, b.to) && !anyBelow(imp, b.except) && imp != p {
					t.Errorf("%s must not import %s, because %s", p, imp, b.reason)
				}
			}
		}
		if froms == 0 {
			t.Errorf("the ban from %s to %s is stale: it applies to no package", b.from, b.to)
		}
	}
}

// find returns a chain of imports from one package to one below to.
func find(all map[string]*pkg, from, to string, seen map[string]bool) []string {
	if seen[from] || all[from] == nil {
		return nil
	}
	seen[from] = true
	for _, imp := range all[from].Imports {
		if below(imp, to) {
			return []string{from, imp}
		}
		if path := find(all, imp, to, seen); path != nil {
			return append([]string{from}, path...)
		}
	}
	return nil
}

// The command must stay light, because each CI job starts it. Most packages are
// those of Kubernetes that helm's charts and kustomizations need, and the
// adapters of Terraform.
func TestWeight(t *testing.T) {
	_, all := load(t)
	seen := map[string]bool{}
	var count func(string)
	count = func(p string) {
		if seen[p] || all[p] == nil {
			return
		}
		seen[p] = true
		for _, imp := range all[p].Imports {
			count(imp)
		}
	}
	for target, budget := range map[string]int{
		module:                      130,
		module + "/policies":        450,
		module + "/internal/render": 120,
		// Of these, 210 are sigstore-go and what it needs, to verify certificates
		// and logs: 1 ms at start and 4 MB.
		module + "/cmd/gatehouse": 1830,
	} {
		clear(seen)
		count(target)
		t.Logf("%s: %d packages", target, len(seen))
		if len(seen) > budget {
			t.Errorf("%s needs %d packages, more than its budget of %d; find the import that is too heavy, or raise the budget with a reason", target, len(seen), budget)
		}
		if len(seen) < 10 {
			t.Errorf("%s was not found", target)
		}
	}
}
