package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gatehouse-sec/gatehouse/internal/render"
)

// output is one -o FORMAT[=FILE].
type output struct {
	render render.Renderer
	format string
	file   string // empty: standard output
}

// parseOutputs checks formats and files before anything is scanned.
func parseOutputs(specs []string) ([]output, error) {
	if len(specs) == 0 {
		specs = []string{"text"}
	}
	var outs []output
	stdout := ""
	for _, spec := range specs {
		format, file, hasFile := strings.Cut(spec, "=")
		r, err := render.ByName(format)
		if err != nil {
			return nil, err
		}
		if hasFile && file == "" {
			return nil, fmt.Errorf("output %q: no file is named after \"=\"", spec)
		}
		if file == "-" {
			file = ""
		}
		if file == "" {
			if stdout != "" {
				return nil, fmt.Errorf("outputs %q and %q would both go to standard output; give one a file: -o %s=FILE", stdout, spec, format)
			}
			stdout = spec
		} else if info, err := os.Stat(filepath.Dir(file)); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("output %q: the directory %q does not exist", spec, filepath.Dir(file))
		}
		outs = append(outs, output{r, format, file})
	}
	return outs, nil
}

// writeOutputs writes all outputs. One that fails does not keep the others
// from being written.
func (a *app) writeOutputs(outs []output, in render.Input) error {
	var errs []error
	for _, o := range outs {
		in := in
		if o.file == "" {
			in.Color = a.colors(a.stdout)
			_, in.Width = terminal(a.stdout)
			if err := o.render(a.stdout, in); err != nil {
				errs = append(errs, fmt.Errorf("write %s to standard output: %w", o.format, err))
			}
			continue
		}
		if err := writeFile(o.file, func(w io.Writer) error { return o.render(w, in) }); err != nil {
			errs = append(errs, fmt.Errorf("write %s to %q: %w", o.format, o.file, err))
		}
	}
	return errors.Join(errs...)
}

// writeFile replaces a file as a whole, so that no reader sees half of it.
// What is not a regular file (/dev/stderr, a pipe) is written as it is.
func writeFile(name string, write func(io.Writer) error) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(write(f), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
