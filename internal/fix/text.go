package fix

import (
	"fmt"
	"io"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// WritePatch writes the edits of all manifests as one diff.
func (p *Plan) WritePatch(w io.Writer) error {
	for i := range p.Manifests {
		if _, err := io.WriteString(w, p.Manifests[i].Diff); err != nil {
			return err
		}
	}
	return nil
}

// mostNamed is how many advisories a line names.
const mostNamed = 5

// WriteText writes the plan for people.
func (p *Plan) WriteText(w io.Writer) error {
	var b strings.Builder
	for i := range p.Manifests {
		m := &p.Manifests[i]
		var all []Resolved
		for k := range m.Changes {
			all = append(all, m.Changes[k].Resolves...)
		}
		fmt.Fprintf(&b, "%s: %s %s %s\n", m.Path, count(len(m.Changes), "change"), verb(len(m.Changes)), summary(all))
		for k := range m.Changes {
			writeChange(&b, &m.Changes[k])
		}
		if m.Diff != "" {
			fmt.Fprintf(&b, "\n%s", m.Diff)
		}
		b.WriteString("\n")
	}
	if len(p.Unresolved) > 0 {
		fmt.Fprintf(&b, "No known change resolves %s:\n", count(len(p.Unresolved), "finding"))
		for _, u := range p.Unresolved {
			fmt.Fprintf(&b, "  %-8s %s %s %s (%s)\n           %s\n", u.Severity, u.Rule, u.Package, u.Version, u.Location, u.What)
		}
		b.WriteString("\n")
	}
	if p.Excused > 0 {
		fmt.Fprintf(&b, "%s left out, as VEX statements excuse them.\n", count(p.Excused, "finding"))
	}
	switch {
	case p.NotJudged > 0:
		fmt.Fprintf(&b, "%s could not be judged: there may be more to fix.\n", count(p.NotJudged, "thing"))
	case len(p.Manifests) == 0 && len(p.Unresolved) == 0:
		b.WriteString("There is nothing to fix.\n")
	}
	if len(p.Manifests) > 0 {
		b.WriteString("Nothing was changed. Versions are those that advisories and lockfiles name: the registry was not asked\nfor newer ones, nor whether they fit together.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeChange(b *strings.Builder, c *Change) {
	what := strings.TrimSpace(c.Package + " " + c.From)
	if c.To != "" {
		what += " → " + c.To
	}
	if c.Through != "" {
		what += fmt.Sprintf(" (through %s)", c.Through)
	}
	names := []string{}
	for _, r := range c.Resolves {
		names = append(names, r.Rule)
	}
	if n := len(names); n > mostNamed {
		names = append(names[:mostNamed:mostNamed], fmt.Sprintf("%d more", n-mostNamed))
	}
	fmt.Fprintf(b, "  %-8s %s resolves %s: %s\n", c.Severity, what, summary(c.Resolves), strings.Join(names, ", "))
	fmt.Fprintf(b, "           %s\n", c.How)
}

// summary is "3 findings (1 critical, 2 high)".
func summary(all []Resolved) string {
	counts := map[gatehouse.Severity]int{}
	for _, r := range all {
		counts[r.Severity]++
	}
	var parts []string
	for s := gatehouse.SeverityCritical; s >= gatehouse.SeverityUnknown; s-- {
		if counts[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[s], strings.ToLower(s.String())))
		}
	}
	return fmt.Sprintf("%s (%s)", count(len(all), "finding"), strings.Join(parts, ", "))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func verb(n int) string {
	if n == 1 {
		return "resolves"
	}
	return "resolve"
}
