// Package terraform evaluates Terraform configuration without running
// Terraform: variables, locals, functions, count, for_each, dynamic blocks and
// local modules. Values that are not known before an apply stay unknown.
//
// Nothing but the given files is read: no network, no environment, no
// directory of the machine. What cannot be evaluated is a [Problem].
package terraform

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/aquasecurity/trivy/pkg/iac/terraform"

	"github.com/gatehouse-sec/gatehouse"
)

// Problem is something that could not be evaluated.
type Problem struct {
	Code gatehouse.GapCode
	Path string
	Line int // 1-based; 0 if unknown
	// Entry names what in the file: a module call, a resource; may be empty.
	Entry string
	// Reason is a sentence without a period.
	Reason string
	// Failed is true if the file as a whole could not be read. It was left
	// out, or what could be read of it was used.
	Failed bool
}

// Configuration is an evaluated root module with all modules below it.
type Configuration struct {
	// Dir is the directory of the root module.
	Dir string
	// Main is the file that stands for the root module: main.tf, or the first.
	Main    string
	Modules terraform.Modules
}

// IsConfig reports whether a file is Terraform or OpenTofu configuration.
func IsConfig(name string) bool {
	return isNative(name) || isJSON(name)
}

func isNative(name string) bool {
	return strings.HasSuffix(name, ".tf") || strings.HasSuffix(name, ".tofu")
}

func isJSON(name string) bool {
	return strings.HasSuffix(name, ".tf.json") || strings.HasSuffix(name, ".tofu.json")
}

// IsVars reports whether Terraform reads a file of values by itself. Others
// are read only if the command line names them.
func IsVars(name string) bool {
	base := path.Base(name)
	return base == "terraform.tfvars" || base == "terraform.tfvars.json" ||
		strings.HasSuffix(base, ".auto.tfvars") || strings.HasSuffix(base, ".auto.tfvars.json")
}

// Evaluate evaluates each root module: each directory with configuration that
// no other directory calls as a module, and each that would otherwise not have
// been evaluated. yield is called for each, concurrently; it stops the
// evaluation by an error, which is returned. The problems are sorted by place.
// given are values of input variables of root modules, which win over those in
// files beside the configuration, and later ones over earlier; may be nil.
func Evaluate(ctx context.Context, files map[string][]byte, given []Vars, yield func(*Configuration) error) ([]Problem, error) {
	t := newTree(files)
	fsys := fileSystem(files)
	seen := map[string]bool{}
	problems := t.problems
	evaluate := func(roots []string) error {
		var mu sync.Mutex
		return each(ctx, roots, func(dir string) error {
			e := newEvaluation(ctx, t, given, fsys)
			modules := e.root(dir)
			mu.Lock()
			problems = append(problems, e.problems...)
			maps.Copy(seen, e.seen)
			mu.Unlock()
			if err := ctx.Err(); err != nil {
				return err
			}
			return yield(&Configuration{Dir: dir, Main: t.main(dir), Modules: modules})
		})
	}
	called := t.called()
	var roots []string
	for _, dir := range t.dirs() {
		if !called[dir] && !vendored(dir) {
			roots = append(roots, dir)
		}
	}
	if err := evaluate(roots); err != nil {
		return nil, err
	}
	// Left are modules that are called only by themselves, by something that
	// could not be evaluated, or zero times.
	for _, dir := range t.dirs() {
		if !seen[dir] {
			if err := evaluate([]string{dir}); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Entry, b.Entry), cmp.Compare(a.Reason, b.Reason))
	})
	return slices.Compact(problems), nil
}

// each calls f for all names, a few at a time. A panic of f becomes a panic of
// each, so that the caller can catch it.
func each(ctx context.Context, names []string, f func(string) error) error {
	workers := min(runtime.GOMAXPROCS(0), len(names))
	jobs := make(chan string)
	errs := make(chan error, workers)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range workers {
		go func() {
			errs <- work(jobs, f, cancel)
		}()
	}
feed:
	for _, name := range names {
		select {
		case jobs <- name:
		case <-ctx.Done():
			break feed
		}
	}
	close(jobs)
	var all []error
	for range workers {
		all = append(all, <-errs)
	}
	for _, err := range all {
		if p, ok := errors.AsType[*crash](err); ok {
			panic(p.value)
		}
	}
	return errors.Join(append(all, context.Cause(ctx))...)
}

func work(jobs <-chan string, f func(string) error, cancel func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			cancel()
			err = &crash{p}
		}
	}()
	for name := range jobs {
		if err := f(name); err != nil {
			cancel()
			return err
		}
	}
	return nil
}

// crash is a panic on its way to the caller.
type crash struct{ value any }

func (c *crash) Error() string { return fmt.Sprint(c.value) }

// vendored reports whether a directory was put there by "terraform init".
func vendored(dir string) bool {
	return strings.Contains("/"+dir+"/", "/.terraform/modules/")
}

func (p Problem) String() string {
	return fmt.Sprintf("%s:%d: %s", p.Path, p.Line, p.Reason)
}
