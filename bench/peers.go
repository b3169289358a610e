package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// peer is another scanner, built from the module and version that the go.mod
// of this directory names as a tool.
type peer struct {
	name, pkg string
	module    string
	version   string
	path      string
	err       error // why it cannot be run
}

// The peers, each the newest that can be built as a Go module.
func newPeers() []*peer {
	return []*peer{
		{name: "gitleaks", pkg: "github.com/zricethezav/gitleaks/v8", module: "github.com/zricethezav/gitleaks/v8"},
		{name: "trivy", pkg: "github.com/aquasecurity/trivy/cmd/trivy", module: "github.com/aquasecurity/trivy"},
	}
}

// build makes the program, or finds it in cache from an earlier run.
func (p *peer) build(ctx context.Context, cache string, say func(string, ...any)) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", p.module).Output()
	if err != nil {
		p.err = fmt.Errorf("its version is not known: %w", err)
		return
	}
	p.version = strings.TrimSpace(string(out))
	p.path = filepath.Join(cache, p.name+"-"+p.version)
	if _, err := os.Stat(p.path); err == nil {
		return
	}
	say("building %s %s, which takes some minutes the first time", p.name, p.version)
	p.err = goBuild(ctx, ".", p.path, p.pkg)
}

// goBuild builds one package with as little disturbance of others as it can.
func goBuild(ctx context.Context, dir, out, pkg string) error {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	args := []string{"build", "-p", "1", "-trimpath", "-ldflags", "-s -w", "-o", out, pkg}
	cmd := exec.CommandContext(ctx, "go", args...)
	if nice, err := exec.LookPath("nice"); err == nil {
		cmd = exec.CommandContext(ctx, nice, append([]string{"-n", "19", "go"}, args...)...)
	}
	var stderr tail
	cmd.Dir, cmd.Stderr = dir, &stderr
	cmd.Env = append(os.Environ(), "GOEXPERIMENT=jsonv2")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("it cannot be built: %w: %s", err, stderr.last())
	}
	return nil
}

// goVersion is the version of Go that built this program.
func goVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.GoVersion
	}
	return "unknown"
}
