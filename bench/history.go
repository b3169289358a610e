package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// minHistory is how much cheaper a scan of a history is than that of gitleaks.
const minHistory = 10.0

const historyCommits = 10_000

// historyTree is a packed repository with a linear history: one commit in four
// adds a file, each changes three in one to three places, and one in 200 brings
// a token.
func historyTree(dir string, commits int) (*tree, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := runGit(dir, "init", "-q", "--bare", "-b", "main", "."); err != nil {
		return nil, err
	}
	importing := exec.Command("git", "fast-import", "--quiet")
	importing.Dir = dir
	stdin, err := importing.StdinPipe()
	if err != nil {
		return nil, err
	}
	var stderr tail
	importing.Stderr = &stderr
	if err := importing.Start(); err != nil {
		return nil, err
	}
	out := bufio.NewWriterSize(stdin, 1<<20)
	t := &tree{dir: dir, name: fmt.Sprintf("history of %s commits", thousands(commits))}
	writeHistory(out, newTree("", "history"), t, commits)
	if err := out.Flush(); err != nil {
		return nil, err
	}
	if err := stdin.Close(); err != nil {
		return nil, err
	}
	if err := importing.Wait(); err != nil {
		return nil, fmt.Errorf("git fast-import: %w: %s", err, stderr.last())
	}
	return t, runGit(dir, "repack", "-q", "-a", "-d", "-f")
}

func runGit(dir string, args ...string) error {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(out))
	}
	return nil
}

// historyFile is a file while its history is made.
type historyFile struct {
	path  string
	lines []string
}

func writeHistory(out *bufio.Writer, w *writer, t *tree, commits int) {
	var files []*historyFile
	lines := func(n int) []string {
		w.buf = w.buf[:0]
		for bytes.Count(w.buf, []byte("\n")) < n {
			w.sourceLine()
		}
		return strings.Split(strings.TrimSuffix(string(w.buf), "\n"), "\n")
	}
	for c := range commits {
		fmt.Fprintf(out, "commit refs/heads/main\ncommitter Bench <bench@example.org> %d +0000\ndata 1\nx\n", 1_500_000_000+600*c)
		changed := map[*historyFile]bool{}
		if len(files) < 20 || c%4 == 0 {
			f := &historyFile{path: fmt.Sprintf("src/%s/%s_%d.%s", pick(w.rnd, words), pick(w.rnd, words), c, pick(w.rnd, extensions)), lines: lines(40 + w.rnd.IntN(400))}
			files = append(files, f)
			changed[f] = true
		}
		for range 3 {
			f := files[w.rnd.IntN(len(files))]
			changed[f] = true
			for range 1 + w.rnd.IntN(3) {
				at := w.rnd.IntN(len(f.lines))
				drop := min(w.rnd.IntN(8), len(f.lines)-at-1)
				rest := append(lines(1+w.rnd.IntN(8)), f.lines[at+drop:]...)
				f.lines = append(f.lines[:at:at], rest...)
			}
		}
		if c%200 == 100 {
			f := files[w.rnd.IntN(len(files))]
			changed[f] = true
			f.lines = append(f.lines, `token = "gh`+`p_`+hexString(w.rnd, 36)+`"`)
		}
		for _, f := range files { // in a fixed order
			if !changed[f] {
				continue
			}
			text := strings.Join(f.lines, "\n") + "\n"
			fmt.Fprintf(out, "M 100644 inline %s\ndata %d\n%s\n", f.path, len(text), text)
			t.files++
			t.bytes += int64(len(text))
		}
	}
}

func (b *runner) history() ([]section, error) {
	if _, err := exec.LookPath("git"); err != nil {
		return nil, fmt.Errorf("a history cannot be made without git: %w", err)
	}
	t, err := historyTree(filepath.Join(b.work, "history"), historyCommits)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(t.dir)
	gate := &command{label: "gatehouse scan git", count: countGatehouse,
		args: []string{b.gate, "scan", "git", t.dir, "--no-cache", "-o", "json"}}
	leaks := &command{label: "gitleaks git", count: countGitleaks, args: []string{b.gitleaks.path, "git", t.dir,
		"--no-banner", "--log-level", "error", "--exit-code", "0", "--report-format", "json", "--report-path", "-"}}
	rows := b.against(gate, &peerCommand{leaks, b.gitleaks})
	if len(rows) == 2 && rows[0].m.err == nil && rows[1].m.err == nil {
		r := ratio(rows[1].m.wall, rows[0].m.wall)
		rows[1].note += fmt.Sprintf(", %.1f × the time; %s", r, met(r >= minHistory, "%.0f ×", minHistory))
	}
	return []section{{title: fmt.Sprintf("Secrets in a history: %s commits, %s contents, %s", thousands(historyCommits), thousands(t.files), megabytes(t.bytes)), rows: rows}}, nil
}
