// Package render writes a report and its verdict in the formats that people
// and other tools read. All formats say the same, because all of them are made
// from the same [Input], and none of them looks like a success when the
// verdict is not a pass.
//
// # Hostile input
//
// File names, messages and package names come from what was scanned. Each
// format escapes them for its reader: control characters and directions of
// text for terminals, workflow commands for build logs, markup for comments.
package render

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/nearest"
)

// Input is what is rendered.
type Input struct {
	// Report is required.
	Report *gatehouse.Report
	// Verdict is nil if no policy was evaluated. The output then lists the
	// findings and says that it is not a verdict.
	Verdict *gatehouse.Verdict
	// PathPrefix is the directory of the target relative to the root of the
	// repository, slash-separated; empty if they are the same. The formats
	// sarif, github and gitlab put it in front of paths, since code hosts look
	// for them from the root.
	PathPrefix string
	// Color allows terminal colours in the format text.
	Color bool
	// Width is the number of columns of the format text; 0 means 80.
	Width int
	// Verbose shows all entries of long groups in the format text.
	Verbose bool
	// Elapsed is how long the run took, for the format text; 0 if unknown. It
	// is not part of any other format, so that these are reproducible.
	Elapsed time.Duration
}

// Renderer writes in to w. It returns the first error of w.
type Renderer func(w io.Writer, in Input) error

// format is a renderer as written: errors of the writer are sticky and are
// returned by Flush, so it only returns errors of its own.
type format struct {
	name   string
	render func(w *bufio.Writer, in Input) error
}

func formats() []format {
	return []format{
		{"text", renderText},
		{"json", renderJSON},
		{"sarif", renderSARIF},
		{"junit", renderJUnit},
		{"github", renderGitHub},
		{"gitlab", renderGitLab},
		{"markdown", renderMarkdown},
	}
}

// Formats lists the names of all formats, the default first.
func Formats() []string {
	var names []string
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

// ByName returns the renderer of the format called name. The error for an
// unknown name lists the known ones.
func ByName(name string) (Renderer, error) {
	for _, f := range formats() {
		if f.name == name {
			return f.run, nil
		}
	}
	hint := ""
	if n := nearest.Names(name, Formats()); len(n) > 0 {
		hint = fmt.Sprintf("; did you mean %q?", n[0])
	}
	return nil, fmt.Errorf("unknown output format %q: want one of %s%s", name, strings.Join(Formats(), ", "), hint)
}

func (f format) run(w io.Writer, in Input) error {
	if in.Report == nil {
		return errors.New("render: there is no report")
	}
	bw := bufio.NewWriter(w)
	if err := f.render(bw, in); err != nil {
		return fmt.Errorf("render %s: %w", f.name, err)
	}
	if err := bw.Flush(); err != nil {
		return fmt.Errorf("write %s output: %w", f.name, err)
	}
	return nil
}
