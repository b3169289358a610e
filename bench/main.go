// Command bench measures gatehouse, side by side with peers, as whole
// processes on the same trees in one run, and prints one table.
//
//	go run . [-gatehouse PATH] [-markdown] [-rounds N] [-only 1,2] [-peers=false] [-smoke]
//
// Trees are generated in a temporary directory and removed at the end. Peers
// are built once, at the versions in go.mod, into -cache. Nothing else is
// written. Everything runs offline.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

func main() {
	debug.SetGCPercent(20) // stay small, see run
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := bench(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// settings are the flags.
type settings struct {
	gatehouse string
	tree      string
	cache     string
	only      string
	rounds    int
	peers     bool
	markdown  bool
	smoke     bool
}

func bench(ctx context.Context) error {
	var s settings
	flag.StringVar(&s.gatehouse, "gatehouse", "", "gatehouse binary (default: build one)")
	flag.StringVar(&s.tree, "tree", "", "a real tree to measure as well (default: the source of trivy, if its module is there)")
	flag.StringVar(&s.cache, "cache", "", "directory of built peers (default: gatehouse-bench in the user's cache directory)")
	flag.StringVar(&s.only, "only", "", "numbers of the sections to measure, with commas between (default all)")
	flag.IntVar(&s.rounds, "rounds", 5, "runs of each command; figures are medians")
	flag.BoolVar(&s.peers, "peers", true, "measure peers, and build those that are not built")
	flag.BoolVar(&s.markdown, "markdown", false, "print Markdown")
	flag.BoolVar(&s.smoke, "smoke", false, "only show that this program works: start, second check and one Dockerfile, once, without peers")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: this program takes flags only", flag.Arg(0))
	}
	if s.rounds < 1 {
		return fmt.Errorf("-rounds %d: want 1 or more", s.rounds)
	}
	if s.smoke {
		s.only, s.rounds, s.peers = "1,2,5", 1, false
	}

	work, err := os.MkdirTemp("", "gatehouse-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	b := &runner{settings: s, ctx: ctx, work: work}
	if err := b.prepare(); err != nil {
		return err
	}
	sections, err := b.sections()
	if err != nil {
		return err
	}
	print := text
	if s.markdown {
		print = markdown
	}
	fmt.Printf("%s\n", b.describe())
	if s.markdown {
		fmt.Println()
	}
	if err := print(os.Stdout, sections); err != nil {
		return err
	}
	if s.smoke {
		return failed(sections)
	}
	return nil
}

// failed is about the rows that have no figures.
func failed(sections []section) error {
	for _, s := range sections {
		for _, r := range s.rows {
			if r.m.err != nil {
				return fmt.Errorf("%s: %s: %w", s.title, r.label, r.m.err)
			}
		}
	}
	return nil
}

// runner holds what all sections need.
type runner struct {
	settings
	ctx      context.Context
	work     string // removed at the end
	gate     string // the gatehouse binary
	version  string
	database string
	known    int // advisories in the database
	gitleaks *peer
	trivy    *peer
}

func (b *runner) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}

// prepare builds what is measured and the database.
func (b *runner) prepare() error {
	b.gate = filepath.Join(b.work, "gatehouse")
	if b.settings.gatehouse != "" {
		path, err := filepath.Abs(b.settings.gatehouse)
		if err != nil {
			return err
		}
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("-gatehouse: %w; leave it out to build one", err)
		}
		b.gate = path
	} else {
		b.say("building gatehouse")
		if err := goBuild(b.ctx, "..", b.gate, "./cmd/gatehouse"); err != nil {
			return fmt.Errorf("build gatehouse: %w", err)
		}
	}
	out, err := exec.CommandContext(b.ctx, b.gate, "version").Output()
	if err != nil {
		return fmt.Errorf("run %q: %w", b.gate, err)
	}
	b.version = strings.TrimSpace(string(out))
	if err := b.preparePeers(); err != nil {
		return err
	}

	b.say("building a database")
	b.database = filepath.Join(b.work, "database", "db")
	archive := filepath.Join(b.work, "advisories.zip")
	if b.known, err = advisories(archive); err != nil {
		return fmt.Errorf("write advisories: %w", err)
	}
	importing := exec.CommandContext(b.ctx, b.gate, "db", "import", "--osv", archive, "--db", b.database, "--time", evaluated)
	if out, err := importing.CombinedOutput(); err != nil {
		return fmt.Errorf("import advisories: %w: %s", err, out)
	}
	return nil
}

func (b *runner) preparePeers() error {
	if b.cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("no directory for built peers: %w; name one with -cache", err)
		}
		b.cache = filepath.Join(dir, "gatehouse-bench")
	}
	// The build runs in another directory than this process.
	cache, err := filepath.Abs(b.cache)
	if err != nil {
		return err
	}
	for _, p := range newPeers() {
		if b.peers {
			p.build(b.ctx, cache, b.say)
		} else {
			p.err = errors.New("peers were left out")
		}
		switch p.name {
		case "gitleaks":
			b.gitleaks = p
		case "trivy":
			b.trivy = p
		}
	}
	if b.tree == "" && b.peers {
		// Of the module that was built; its absence is no error.
		out, err := exec.CommandContext(b.ctx, "go", "list", "-m", "-f", "{{.Dir}}", b.trivy.module).Output()
		if err == nil {
			b.tree = strings.TrimSpace(string(out))
		}
	}
	return b.ctx.Err()
}

func (b *runner) describe() string {
	list := []string{b.version}
	for _, p := range []*peer{b.trivy, b.gitleaks} {
		if p.err == nil {
			list = append(list, p.name+" "+p.version)
		}
	}
	return strings.Join(list, "; ") + "\n" + machine() + fmt.Sprintf("\nmedians of %d runs in turn; CPU is user and system time of all threads", b.rounds)
}

// wanted says whether a section was asked for.
func (b *runner) wanted(number string) bool {
	return b.only == "" || slices.Contains(strings.Split(b.only, ","), number)
}
