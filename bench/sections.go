package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// evaluated is the time of all checks, so that the database has the same age
// whenever they run.
const evaluated = "2026-11-25T00:00:00Z"

// The targets that the table holds the figures against.
const (
	maxStart      = 60 * time.Millisecond
	maxStartBytes = 80_000_000
	minSecond     = 10.0 // how much cheaper a second check is
	maxPeakBytes  = 400_000_000
)

// largeBytes is the size of the trees on which peak memory is measured.
const largeBytes = 500_000_000

var (
	countGatehouse = countIn(false, "findings")
	countTrivy     = countIn(true, "Secrets", "Misconfigurations", "Vulnerabilities")
	countGitleaks  = countIn(false, "")
)

// sections measures everything that was asked for, in order.
func (b *runner) sections() ([]section, error) {
	list := []struct {
		number string
		f      func() ([]section, error)
	}{
		{"1", b.start}, {"2", b.second}, {"3", b.memory}, {"4", b.linear},
		{"5", b.oneDockerfile}, {"6", b.secrets}, {"7", b.kubernetes}, {"8", b.dependencies},
		{"9", b.history}, {"10", b.terraform},
	}
	var all []section
	for _, l := range list {
		if !b.wanted(l.number) {
			continue
		}
		b.say("section %s of %d, load average %s", l.number, len(list), load())
		got, err := l.f()
		if err != nil {
			return nil, fmt.Errorf("section %s: %w", l.number, err)
		}
		for _, s := range got {
			s.title = l.number + ". " + s.title
			all = append(all, s)
		}
		if err := b.ctx.Err(); err != nil {
			return nil, err
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("-only %q: want numbers from 1 to %d", b.only, len(list))
	}
	return all, nil
}

// check is gatehouse check with everything that matters given by flags.
func (b *runner) check(label string, t *tree, flags ...string) *command {
	args := append([]string{b.gate, "check", t.dir, "--db", b.database, "--time", evaluated}, flags...)
	// 1 is a violated policy, 3 something that could not be judged.
	return &command{label: label, args: args, codes: []int{0, 1, 3}}
}

// checkJSON is a check whose findings are counted.
func (b *runner) checkJSON(label string, t *tree, flags ...string) *command {
	c := b.check(label, t, append(flags, "-o", "json")...)
	c.count = countGatehouse
	return c
}

func (b *runner) runTrivy(t *tree, cache string, args ...string) *command {
	all := append([]string{b.trivy.path}, args...)
	all = append(all, "--cache-dir", cache, "--quiet", "--format", "json", t.dir)
	return &command{label: "trivy " + strings.Join(args[:min(len(args), 3)], " "), args: all, count: countTrivy}
}

// offline are the flags that keep trivy from the network.
var offline = []string{"--skip-db-update", "--skip-check-update", "--skip-version-check", "--offline-scan"}

// against measures commands in turn and adds the ratio of CPU time to the
// first one.
func (b *runner) against(first *command, peers ...*peerCommand) []row {
	commands := []*command{first}
	for _, p := range peers {
		if p.peer.err == nil {
			commands = append(commands, p.command)
		}
	}
	got := alternate(b.ctx, b.rounds, commands...)
	rows := []row{{label: first.label, m: got[0]}}
	next := 1
	for _, p := range peers {
		if !b.peers {
			continue
		}
		r := row{label: p.label, m: measurement{err: p.peer.err}}
		if p.peer.err == nil {
			r.m = got[next]
			next++
		}
		if r.m.err == nil && got[0].err == nil {
			r.note = fmt.Sprintf("%.1f × the CPU, %.1f × the memory of gatehouse",
				ratio(r.m.cpu, got[0].cpu), float64(r.m.peak)/float64(got[0].peak))
		}
		rows = append(rows, r)
	}
	return rows
}

type peerCommand struct {
	*command
	peer *peer
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(max(b, 1)) }

// met says whether a target was reached.
func met(ok bool, format string, args ...any) string {
	word := "met"
	if !ok {
		word = "MISSED"
	}
	return "target " + fmt.Sprintf(format, args...) + ": " + word
}

func (b *runner) start() ([]section, error) {
	c := &command{label: "gatehouse version", args: []string{b.gate, "version"}}
	m := alternate(b.ctx, 4*b.rounds, c)[0]
	s := section{title: "Start", rows: []row{{label: c.label, m: m}}}
	s.rows[0].note = met(m.wall < maxStart && m.peak < maxStartBytes, "< %s, < %d MB", seconds(maxStart), int(maxStartBytes/1e6))
	return []section{s}, nil
}

// second is measured on a mixed tree, where the target holds, and on others
// that show how much the ratio depends on what a tree has.
func (b *runner) second() ([]section, error) {
	scale := 4
	if b.smoke {
		scale = 1
	}
	trees := []*tree{}
	t, err := mixedTree(b.dir("mixed"), scale)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(t.dir)
	trees = append(trees, t)
	if !b.smoke {
		t, err := kubernetesTree(b.dir("kubernetes"), 400)
		if err != nil {
			return nil, err
		}
		trees = append(trees, t)
		if t, err = b.realTree(); err != nil {
			return nil, err
		}
		if t != nil {
			trees = append(trees, t)
		}
	}
	var list []section
	for _, t := range trees {
		s, err := b.firstAndSecond(t)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// realTree is the tree that was named; nil if there is none.
func (b *runner) realTree() (*tree, error) {
	if b.tree == "" {
		return nil, nil
	}
	return sizeOf(b.tree, "source of "+filepath.Base(b.tree))
}

func (b *runner) firstAndSecond(t *tree) (section, error) {
	cold, warm := b.dir("cold"), b.dir("warm")
	defer os.RemoveAll(cold)
	defer os.RemoveAll(warm)
	first := b.check("first check", t, "--cache-dir", cold)
	first.before = func() error { return os.RemoveAll(cold) }
	second := b.check("second check", t, "--cache-dir", warm)

	s := section{title: "Second check of an unchanged tree: " + t.String()}
	if err := b.sameFindings(t, warm); err != nil {
		return s, err
	}
	m := alternate(b.ctx, b.rounds, first, second)
	s.rows = []row{{label: first.label, m: m[0]}, {label: second.label, m: m[1]}}
	if m[0].err == nil && m[1].err == nil {
		factor := ratio(m[0].cpu, m[1].cpu)
		s.rows[1].note = fmt.Sprintf("%.1f × cheaper in CPU; ", factor) + met(factor >= minSecond, "≥ %.0f ×", minSecond)
	}
	return s, nil
}

// sameFindings fills a cache, and shows that the results in it are those of a
// scan.
func (b *runner) sameFindings(t *tree, cache string) error {
	first, err := run(b.ctx, b.checkJSON("first check", t, "--cache-dir", cache))
	if err != nil {
		return err
	}
	second, err := run(b.ctx, b.checkJSON("second check", t, "--cache-dir", cache))
	if err != nil {
		return err
	}
	if first.found == 0 || first.found != second.found {
		return fmt.Errorf("the first check of %s found %d, the second %d", t, first.found, second.found)
	}
	return nil
}

func (b *runner) memory() ([]section, error) {
	var list []section
	for _, make := range []func() (*tree, error){
		func() (*tree, error) { return sourceTree(b.dir("small"), "many small files", largeBytes) },
		func() (*tree, error) { return largeFiles(b.dir("large"), "files of 40 to 60 MB") },
	} {
		t, err := make()
		if err != nil {
			return nil, err
		}
		cold := b.dir("cold")
		c := b.check("gatehouse check", t, "--cache-dir", cold)
		c.before = func() error { return os.RemoveAll(cold) }
		m := alternate(b.ctx, min(b.rounds, 3), c)[0]
		r := row{label: c.label, m: m, note: met(m.peak < maxPeakBytes, "< %d MB", int(maxPeakBytes/1e6))}
		list = append(list, section{title: "Peak memory: " + t.String(), rows: []row{r}})
		os.RemoveAll(t.dir)
		os.RemoveAll(cold)
	}
	return list, nil
}

func (b *runner) linear() ([]section, error) {
	var trees []*tree
	var commands []*command
	for _, scale := range []int{1, 4, 16} {
		t, err := mixedTree(b.dir(fmt.Sprintf("mixed%d", scale)), scale)
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(t.dir)
		trees = append(trees, t)
		commands = append(commands, b.checkJSON(t.String(), t, "--no-cache"))
	}
	s := section{title: "Cost by size, gatehouse check --no-cache"}
	m := alternate(b.ctx, b.rounds, commands...)
	for i, c := range commands {
		r := row{label: c.label, m: m[i]}
		if m[i].err == nil {
			r.note = fmt.Sprintf("%.1f ms of CPU for 1 MB", perMB(m[i].cpu, trees[i].bytes))
			if i > 0 && m[i-1].err == nil {
				r.note += fmt.Sprintf("; %.1f for each more", perMB(m[i].cpu-m[i-1].cpu, trees[i].bytes-trees[i-1].bytes))
			}
		}
		s.rows = append(s.rows, r)
	}
	return []section{s}, nil
}

// perMB is in milliseconds.
func perMB(d time.Duration, bytes int64) float64 { return d.Seconds() * 1e3 / (float64(bytes) / 1e6) }

func (b *runner) oneDockerfile() ([]section, error) {
	t, err := dockerfileTree(b.dir("dockerfile"))
	if err != nil {
		return nil, err
	}
	return []section{b.misconfiguration(t)}, nil
}

func (b *runner) kubernetes() ([]section, error) {
	t, err := kubernetesTree(b.dir("kubernetes"), 400)
	if err != nil {
		return nil, err
	}
	return []section{b.misconfiguration(t)}, nil
}

func (b *runner) terraform() ([]section, error) {
	t, err := terraformTree(b.dir("terraform"), 20)
	if err != nil {
		return nil, err
	}
	return []section{b.misconfiguration(t)}, nil
}

func (b *runner) misconfiguration(t *tree) section {
	cache := b.dir("trivy")
	first := b.checkJSON("gatehouse check --scanners iac", t, "--scanners", "iac", "--no-cache")
	second := b.runTrivy(t, cache, "config", "--skip-check-update", "--skip-version-check")
	second.label = "trivy config"
	return section{title: "Misconfiguration: " + t.String(), rows: b.against(first, &peerCommand{second, b.trivy})}
}

func (b *runner) secrets() ([]section, error) {
	t, err := sourceTree(b.dir("source"), "source", 64_000_000)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(t.dir)
	trees := []*tree{t}
	real, err := b.realTree()
	if err != nil {
		return nil, err
	}
	if real != nil {
		trees = append(trees, real)
	}
	var list []section
	for _, t := range trees {
		gate := b.checkJSON("gatehouse check --scanners secrets", t, "--scanners", "secrets", "--no-cache")
		leaks := &command{label: "gitleaks dir", count: countGitleaks, args: []string{b.gitleaks.path, "dir", t.dir,
			"--no-banner", "--log-level", "error", "--exit-code", "0", "--report-format", "json", "--report-path", "-"}}
		trivy := b.runTrivy(t, b.dir("trivy"), append([]string{"fs", "--scanners", "secret"}, offline...)...)
		list = append(list, section{title: "Secrets: " + t.String(),
			rows: b.against(gate, &peerCommand{leaks, b.gitleaks}, &peerCommand{trivy, b.trivy})})
	}
	return list, nil
}

func (b *runner) dependencies() ([]section, error) {
	t, err := lockfileTree(b.dir("lockfiles"), 40)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(t.dir)
	gate := b.checkJSON("gatehouse check --scanners sca", t, "--scanners", "sca", "--no-cache")
	// The database is one that trivy reads as well.
	trivy := b.runTrivy(t, filepath.Dir(b.database), append([]string{"fs", "--scanners", "vuln"}, offline...)...)
	return []section{{title: fmt.Sprintf("Dependencies: %s, %s advisories", t, thousands(b.known)),
		rows: b.against(gate, &peerCommand{trivy, b.trivy})}}, nil
}

// dir is a directory below the temporary one; it is not made.
func (b *runner) dir(name string) string { return filepath.Join(b.work, name) }
