package ignorefile

import (
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/gatehouse-sec/gatehouse"
)

// Apply puts what the files say beside the findings of the report that they are
// about, and records in it what became of each entry. Rules are all that the
// scanners know; now is the evaluation time.
func Apply(report *gatehouse.Report, files []*File, rules []gatehouse.Rule, now time.Time) {
	if len(files) == 0 {
		return
	}
	names := map[string][]string{} // of rules, by id
	known := map[string]bool{}
	for _, r := range rules {
		names[r.ID] = append([]string{r.ID}, r.Aliases...)
		for _, n := range names[r.ID] {
			known[strings.ToLower(n)] = true
		}
	}
	for _, file := range files {
		for i := range file.entries {
			e := &file.entries[i]
			out := gatehouse.Ignore{By: "the file " + file.Name, Rule: e.rule, Reason: e.reason, Expires: e.expires,
				Location: gatehouse.Location{Path: file.Name, Line: e.line}}
			expired := e.expired(now)
			for k := range report.Findings {
				f := &report.Findings[k]
				if e.wrong != "" || !e.covers(f, names[f.Rule]) {
					continue
				}
				out.Findings++
				if f.Suppressed == nil && !expired {
					f.Suppressed = &gatehouse.Suppression{By: out.By, Reason: e.reason, Expires: e.expires, Location: out.Location}
				}
			}
			switch {
			case e.wrong != "":
				out.State, out.Note = gatehouse.IgnoreRefused, e.wrong
			case expired:
				out.State = gatehouse.IgnoreExpired
			case out.Findings > 0:
				out.State = gatehouse.IgnoreUsed
			case e.kind == gatehouse.KindMisconfiguration && !known[strings.ToLower(e.rule)]:
				out.State, out.Note = gatehouse.IgnoreUnknown, "no rule has this name"
			default:
				out.State = gatehouse.IgnoreUnused
			}
			report.Ignores = append(report.Ignores, out)
		}
	}
}

// expired entries end at the start of the day that they name, as trivy has it.
func (e *entry) expired(now time.Time) bool {
	end, err := time.Parse(time.DateOnly, e.expires)
	return e.expires != "" && (err != nil || !now.Before(end))
}

func (e *entry) covers(f *gatehouse.Finding, names []string) bool {
	if e.kind != "" && e.kind != f.Kind {
		return false
	}
	names = append(slices.Clone(names), f.Rule)
	switch {
	case f.Vulnerability != nil:
		names = append(names, f.Vulnerability.Aliases...)
	case f.License != nil:
		names = append(names, f.License.Expression)
	}
	if !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, e.rule) }) {
		return false
	}
	if e.file != "" && e.file != f.Location.Path {
		return false
	}
	if len(e.paths) > 0 && !slices.ContainsFunc(e.paths, func(p string) bool { return doublestar.MatchUnvalidated(p, f.Location.Path) }) {
		return false
	}
	if e.resource != "" && (f.Misconfiguration == nil || !sameResource(f.Misconfiguration, e.resource)) {
		return false
	}
	if len(e.purls) > 0 && f.Vulnerability != nil {
		return slices.ContainsFunc(e.purls, func(p string) bool { return coversPurl(p, f.Vulnerability.Package.Purl) })
	}
	return true
}

// sameResource compares with the name that checkov gives to a resource: the
// address in Terraform, "AWS::S3::Bucket.Name" in CloudFormation,
// "Pod.namespace.name" in Kubernetes, "/Dockerfile.RUN" in a Dockerfile.
func sameResource(m *gatehouse.Misconfiguration, name string) bool {
	switch m.Type {
	case "cloudformation":
		return strings.HasSuffix(name, "."+m.Resource)
	case "kubernetes", "helm", "kustomize":
		kind, object, _ := strings.Cut(m.Resource, "/")
		namespace, object2, ok := strings.Cut(object, "/")
		if !ok {
			namespace, object2 = "default", object
		}
		return name == kind+"."+namespace+"."+object2 || name == kind+"."+object2
	case "dockerfile":
		return true
	}
	return name == m.Resource
}

// coversPurl reports whether a package URL, with or without a version, is that
// of a package.
func coversPurl(pattern, purl string) bool {
	bare := func(s string) string { s, _, _ = strings.Cut(s, "?"); return s }
	pattern, purl = bare(pattern), bare(purl)
	if pattern == purl {
		return true
	}
	at := strings.LastIndexByte(purl, '@')
	return at > 0 && pattern == purl[:at]
}
