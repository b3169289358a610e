package osvimport

import (
	"encoding/json"
	"strings"

	cvss20 "github.com/pandatix/go-cvss/20"
	cvss30 "github.com/pandatix/go-cvss/30"
	cvss31 "github.com/pandatix/go-cvss/31"
	cvss40 "github.com/pandatix/go-cvss/40"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

// rating is how bad the source says that a problem is.
type rating struct {
	severity gatehouse.Severity
	cvss     vulndb.CVSS
}

// rate reads the severity in words, which the database chose with care, and
// else computes it from the CVSS vector of the newest version. Vectors of
// single packages count as those of the entry; the highest wins.
func rate(e *osvEntry) rating {
	var r rating
	r.add(e.Severity)
	r.word(e.DatabaseSpecific)
	for i := range e.Affected {
		r.add(e.Affected[i].Severity)
		r.word(e.Affected[i].DatabaseSpecific)
	}
	return r.fill()
}

func (r *rating) word(specific json.RawMessage) {
	var s struct {
		Severity string `json:"severity"`
	}
	if len(specific) == 0 || json.Unmarshal(specific, &s) != nil || s.Severity == "" {
		return
	}
	r.severity = max(r.severity, wordSeverity(s.Severity))
}

func (r *rating) add(severities []osvSeverity) {
	for _, s := range severities {
		if !strings.HasPrefix(s.Type, "CVSS_") {
			// Distributions give a word.
			r.severity = max(r.severity, wordSeverity(s.Score))
			continue
		}
		r.vector(s.Score)
	}
}

// vector adds a CVSS vector of any version. One that cannot be read is left
// out: the severity is then unknown, and policies see that.
func (r *rating) vector(text string) {
	text = strings.TrimSuffix(strings.TrimSpace(text), "/")
	if len(text) > 512 {
		return
	}
	c := &r.cvss
	switch {
	case strings.HasPrefix(text, "CVSS:4.0/"):
		if v, err := cvss40.ParseVector(text); err == nil && v.Score() > c.V40Score {
			c.V40Vector, c.V40Score = text, v.Score()
		}
	case strings.HasPrefix(text, "CVSS:3.1/"):
		if v, err := cvss31.ParseVector(text); err == nil && v.EnvironmentalScore() > c.V3Score {
			c.V3Vector, c.V3Score = text, v.EnvironmentalScore()
		}
	case strings.HasPrefix(text, "CVSS:3.0/"):
		if v, err := cvss30.ParseVector(text); err == nil && v.EnvironmentalScore() > c.V3Score {
			c.V3Vector, c.V3Score = text, v.EnvironmentalScore()
		}
	default:
		text = strings.Trim(strings.TrimPrefix(text, "CVSS:2.0/"), "()")
		if v, err := cvss20.ParseVector(text); err == nil && v.BaseScore() > c.V2Score {
			c.V2Vector, c.V2Score = text, v.BaseScore()
		}
	}
}

// fill derives the severity from the scores if there is no word.
func (r rating) fill() rating {
	if r.severity != gatehouse.SeverityUnknown {
		return r
	}
	for _, score := range []float64{r.cvss.V40Score, r.cvss.V3Score, r.cvss.V2Score} {
		if score > 0 {
			r.severity = vulndb.SeverityOfScore(score)
			break
		}
	}
	return r
}

// wordSeverity reads the words that databases and distributions use.
func wordSeverity(word string) gatehouse.Severity {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "important":
		return gatehouse.SeverityHigh
	case "negligible", "unimportant", "minor":
		return gatehouse.SeverityLow
	}
	v, _ := gatehouse.ParseSeverity(word) // unknown if it is none
	return v
}

// statusOf is what a vendor says about a problem, in the words of trivy-db.
// Debian has "end-of-life" for packages that it does not support any more.
func statusOf(fixed string, specific json.RawMessage) string {
	var s struct {
		Urgency string `json:"urgency"`
	}
	switch {
	case fixed != "":
		return "fixed"
	case len(specific) > 0 && json.Unmarshal(specific, &s) == nil && s.Urgency == "end-of-life":
		return "end_of_life"
	}
	return "affected"
}

// urgency is how Debian judges a problem in one package.
func urgency(specific json.RawMessage) gatehouse.Severity {
	var s struct {
		Urgency string `json:"urgency"`
	}
	if len(specific) == 0 || json.Unmarshal(specific, &s) != nil {
		return gatehouse.SeverityUnknown
	}
	return wordSeverity(s.Urgency)
}

func cwes(specific json.RawMessage) []string {
	var s struct {
		IDs []string `json:"cwe_ids"`
	}
	if len(specific) == 0 || json.Unmarshal(specific, &s) != nil {
		return nil
	}
	return s.IDs
}
