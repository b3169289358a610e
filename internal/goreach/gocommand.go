package goreach

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/modfile"

	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// offline is the environment for the go command in which it fetches nothing and
// keeps to the toolchain that is there: modules come from the cache or a vendor
// directory, or the build fails.
func offline(env []string) []string {
	return append(env[:len(env):len(env)],
		"GO111MODULE=on",
		"GOFLAGS=-buildvcs=false", // neither -mod=mod, nor -toolexec
		"GOPROXY=off", "GONOPROXY=none", "GOPRIVATE=", "GOSUMDB=off", "GOVCS=*:off",
		"GOTOOLCHAIN=local", "GOPACKAGESDRIVER=off")
}

// build is what the go command says about a module.
type build struct {
	GOOS, GOARCH string
	// modules have packages in the build, under the names that are imported;
	// "stdlib" is one. replaced are those whose code comes from elsewhere.
	modules, replaced map[string]bool
}

// patterns name what a module builds: its packages, and the tools that it runs.
func patterns(dir string) ([]string, error) {
	data, err := config.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return nil, err
	}
	mod, err := modfile.ParseLax("go.mod", data, nil)
	if err != nil {
		return nil, err
	}
	// ParseLax leaves tools out.
	for _, stmt := range mod.Syntax.Stmt {
		switch s := stmt.(type) {
		case *modfile.Line:
			if len(s.Token) > 0 && s.Token[0] == "tool" {
				return []string{"./...", "tool"}, nil
			}
		case *modfile.LineBlock:
			if len(s.Token) > 0 && s.Token[0] == "tool" {
				return []string{"./...", "tool"}, nil
			}
		}
	}
	return []string{"./..."}, nil
}

// listBuild lists what the packages that match are built from. An error says why
// they cannot be.
func listBuild(ctx context.Context, dir string, env, patterns []string) (*build, error) {
	b := &build{modules: map[string]bool{}, replaced: map[string]bool{}}
	out, err := run(ctx, dir, env, "go", "env", "-json", "GOOS", "GOARCH")
	if err == nil {
		err = json.Unmarshal(out, b)
	}
	if err != nil {
		return nil, fmt.Errorf("ask the go command for its platform: %w", err)
	}
	if out, err = run(ctx, dir, env, "go", slices.Concat([]string{"list", "-deps", "-json=ImportPath,Standard,Module"}, patterns)...); err != nil {
		return nil, fmt.Errorf("list the packages: %w; make `go list ./...` work without a network, with `go mod download` or a vendor directory", err)
	}
	packages := 0
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Standard   bool
			Module     *struct {
				Path    string
				Replace *struct{ Path string }
			}
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read the list of packages: %w", err)
		}
		switch m := p.Module; {
		case p.Standard:
			b.modules["stdlib"] = true
		case m != nil:
			b.modules[m.Path] = true
			packages++
			if m.Replace != nil {
				b.replaced[m.Path] = true
			}
		}
	}
	if packages == 0 {
		return nil, errors.New("the module has no packages to build on this platform")
	}
	return b, nil
}

// run runs a command and returns what it prints; an error has what it says.
func run(ctx context.Context, dir string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	cmd.WaitDelay = 5 * time.Second // for what it started in its turn
	stdout, stderr := &bounded{left: limits.MaxReachabilityBytes}, &bounded{left: limits.MaxReachabilityErrorBytes, cut: true}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Run(); err != nil {
		if said := excerpt(stderr.String()); said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return nil, err
	}
	return stdout.Bytes(), nil
}

// bounded is a buffer that takes so many bytes; what is over is an error, or
// cut.
type bounded struct {
	bytes.Buffer
	left int
	cut  bool
}

func (b *bounded) Write(p []byte) (int, error) {
	n := len(p)
	if n > b.left {
		if !b.cut {
			return 0, errors.New("it printed too much")
		}
		p = p[:b.left]
	}
	b.left -= len(p)
	b.Buffer.Write(p)
	return n, nil
}

// excerpt is the start of an error message, in one line.
func excerpt(text string) string {
	const most = 4
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if len(lines) == most {
			lines = append(lines, "…")
			break
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, " ")
}
