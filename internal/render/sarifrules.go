package render

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/gatehouse-sec/gatehouse"
)

// rule returns the index of the rule of the issue, and adds it if it is new.
func (b *sarifBuilder) rule(is *issue) int {
	if i, ok := b.index[ruleKey(string(is.kind()), is.rule)]; ok {
		return i
	}
	tags := []string{"security", string(is.kind())}
	r := sarifRule{
		ID:                   is.rule,
		ShortDescription:     sarifMessage{Text: clean(is.title)},
		DefaultConfiguration: sarifConfig{Level: severityLevel(is.severity)},
		Properties: sarifProperties{
			Tags: tags, Precision: precision(is.kind()), SecuritySeverity: securitySeverity(is),
		},
	}
	var references []string
	if f := is.finding; f != nil {
		references = webURLs(f.References)
		if v := f.Vulnerability; v != nil {
			r.FullDescription = &sarifMessage{Text: clean(firstOf(f.Title, f.Rule))}
			if len(v.Aliases) > 0 {
				r.FullDescription.Text += " (" + clean(strings.Join(v.Aliases, ", ")) + ")"
			}
		}
	} else if o := is.objections[0]; len(o.Controls) > 0 {
		for _, c := range o.Controls[:min(len(o.Controls), 10)] {
			r.Properties.Tags = append(r.Properties.Tags, clean(c))
		}
	}
	if len(references) > 0 {
		r.HelpURI = references[0]
	}
	r.Help = help(is, references)
	return b.add(string(is.kind()), r)
}

// help says what to do. GitHub shows it beside the result, and requires text.
func help(is *issue, references []string) *sarifMessage {
	text, md := clean(is.title)+".", "**"+mdText(is.title)+"**"
	if v := fixText(is); v != "" {
		text += "\n\n" + clean(v)
		md += "\n\n" + mdText(v)
	}
	for i, u := range references {
		if i == 0 {
			text += "\n\nReferences:"
			md += "\n\nReferences:\n"
		}
		if i == 5 {
			break
		}
		text += "\n" + u
		md += "\n- <" + u + ">"
	}
	return &sarifMessage{Text: text, Markdown: md}
}

// fixText is the next step for the issue; empty if none is known.
func fixText(is *issue) string {
	if is.fix != "" {
		return is.fix
	}
	if is.finding != nil && is.finding.Vulnerability != nil {
		v := is.finding.Vulnerability
		if t := fixedVersion(v); t != "" {
			return fmt.Sprintf("Upgrade %s to %s or later.", v.Package.Name, t)
		}
		return fmt.Sprintf("There is no fixed version of %s: replace it, or waive the advisory for a while.", v.Package.Name)
	}
	return ""
}

func (b *sarifBuilder) gapRule(c gatehouse.GapCode) int {
	return b.add("coverage", sarifRule{
		ID:                   gapRule(c),
		ShortDescription:     sarifMessage{Text: "Something could not be judged (" + clean(string(c)) + ")"},
		Help:                 &sarifMessage{Text: "A gap in the coverage makes the verdict incomplete. Fix its cause, exclude the file, or waive the gap for a while."},
		DefaultConfiguration: sarifConfig{Level: "error"},
		Properties:           sarifProperties{Tags: []string{"coverage"}},
	})
}

func ruleKey(kind, id string) string { return kind + "\x00" + id }

// add returns the index of r. Rules of different kinds may have the same id; the
// id of the second one gets its kind as a prefix, because ids are unique.
func (b *sarifBuilder) add(kind string, r sarifRule) int {
	key := ruleKey(kind, r.ID)
	if i, ok := b.index[key]; ok {
		return i
	}
	r.ID = firstOf(r.ID, kind)
	for b.taken[r.ID] {
		r.ID = kind + "/" + r.ID
	}
	b.taken[r.ID] = true
	b.index[key] = len(b.rules)
	b.rules = append(b.rules, r)
	return len(b.rules) - 1
}

// securitySeverity is a number as text from which GitHub takes its severity:
// over 9.0 critical, 7.0 high, 4.0 medium, else low.
func securitySeverity(is *issue) string {
	if is.finding != nil && is.finding.Vulnerability != nil {
		if c := is.finding.Vulnerability.CVSS; c > 0 && c <= 10 {
			return fmt.Sprintf("%.1f", c)
		}
	}
	switch is.severity {
	case gatehouse.SeverityCritical:
		return "9.5"
	case gatehouse.SeverityHigh:
		return "8.0"
	case gatehouse.SeverityMedium:
		return "5.5"
	case gatehouse.SeverityLow:
		return "2.0"
	}
	return ""
}

// precision says how often findings of the kind are true. Packages are matched
// by exact version; a secret is recognised by its shape.
func precision(k gatehouse.Kind) string {
	switch k {
	case gatehouse.KindVulnerability, gatehouse.KindLicense:
		return "very-high"
	}
	return "high"
}

// webURLs keeps what is a http or https URL without anything that could end a
// link.
func webURLs(all []string) []string {
	var out []string
	for _, s := range all {
		u, err := url.Parse(s)
		if err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && !strings.ContainsAny(s, "<>\"'`() \\|") {
			out = append(out, u.String())
		}
	}
	return out
}
