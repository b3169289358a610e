package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// section is a part of the table: what was done, in which tree.
type section struct {
	title string
	rows  []row
	notes []string // below the rows
}

type row struct {
	label string
	m     measurement
	note  string // ratio or target
}

var header = []string{"", "wall", "CPU", "peak memory", "found", ""}

func (r *row) cells() []string {
	if r.m.err != nil {
		return []string{r.label, "not measured: " + r.m.err.Error()}
	}
	found := ""
	if r.m.found >= 0 {
		found = thousands(r.m.found)
	}
	return []string{r.label, seconds(r.m.wall), seconds(r.m.cpu), megabytes(r.m.peak), found, r.note}
}

// seconds shows three digits that mean something.
func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// text prints the sections as one table with aligned columns.
func text(w io.Writer, sections []section) error {
	var b strings.Builder
	for _, s := range sections {
		rows := [][]string{header}
		for i := range s.rows {
			rows = append(rows, s.rows[i].cells())
		}
		var widths [6]int
		for _, cells := range rows {
			if len(cells) < len(header) {
				widths[0] = max(widths[0], utf8.RuneCountInString(cells[0]))
				continue
			}
			for i, c := range cells {
				widths[i] = max(widths[i], utf8.RuneCountInString(c))
			}
		}
		fmt.Fprintf(&b, "\n%s\n", s.title)
		for _, cells := range rows {
			line := " "
			for i, c := range cells {
				pad := strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(c)))
				if i == 0 || i == len(header)-1 || len(cells) < len(header) {
					line += " " + c + pad + " "
				} else {
					line += " " + pad + c + " "
				}
			}
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
		for _, n := range s.notes {
			fmt.Fprintf(&b, "  %s\n", n)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// markdown prints the same for a document.
func markdown(w io.Writer, sections []section) error {
	var b strings.Builder
	for _, s := range sections {
		fmt.Fprintf(&b, "### %s\n\n| | wall | CPU | peak memory | found | |\n|---|--:|--:|--:|--:|---|\n", s.title)
		for i := range s.rows {
			cells := s.rows[i].cells()
			for len(cells) < len(header) {
				cells = append(cells, "")
			}
			fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
		}
		b.WriteString("\n")
		for _, n := range s.notes {
			fmt.Fprintf(&b, "%s\n\n", n)
		}
	}
	_, err := io.WriteString(w, strings.TrimRight(b.String(), "\n")+"\n")
	return err
}
