package lint

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"encoding/json/jsontext"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse/attest"
)

// payload is in front of places in the statement, which is encoded in the file.
const payload = "payload"

func pointer(place string, i int) string { return place + "/" + strconv.Itoa(i) }

// The fields of the specification:
// https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
// https://github.com/in-toto/attestation/blob/main/spec/v1/resource_descriptor.md
var (
	statementFields  = []string{"_type", "subject", "predicateType", "predicate"}
	descriptorFields = []string{"name", "uri", "digest", "content", "downloadLocation", "mediaType", "annotations"}
)

// digestDigits are the lengths of digests in hexadecimal digits:
// https://github.com/in-toto/attestation/blob/main/spec/v1/digest_set.md
var digestDigits = map[string]int{"sha256": 64, "sha384": 96, "sha512": 128, "sha224": 56, "sha1": 40}

// variants are predicate types that are not the ones that cosign gives short names.
var variants = regexp.MustCompile(`^https://(?:spdx\.dev/Document/v2|cyclonedx\.org/bom/|openvex\.dev/ns/v)`)

// maxExact is the largest integer up to which a 64-bit float has each one: 2^53.
var maxExact = new(big.Int).Lsh(big.NewInt(1), 53)

func (l *linter) statement(b []byte) {
	fields, err := object(b)
	if err != nil {
		l.add("statement-json", payload, plain(err))
		return
	}
	l.duplicates(payload, b)
	l.bigIntegers(b)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(statementFields, name) {
			l.add("unknown-field", payload+"/"+name, "")
		}
	}
	switch t, ok := text(fields["_type"]); {
	case !ok || t != attest.StatementType && t != attest.StatementTypeV01:
		l.add("statement-type", payload+"/_type", "it is %.100q", t)
	case t == attest.StatementTypeV01:
		l.add("statement-v01", payload+"/_type", "")
	}
	l.subjects(fields["subject"])

	kind, ok := text(fields["predicateType"])
	l.result.PredicateType = kind
	switch {
	case !ok || kind == "":
		l.add("no-predicate-type", payload+"/predicateType", "")
	case !strings.Contains(kind, ":"):
		l.add("predicate-type-form", payload+"/predicateType", "it is %.200q", kind)
	case variants.MatchString(kind):
		l.add("predicate-type-variant", payload+"/predicateType", "it is %.200q", kind)
	}
	predicate, err := object(fields["predicate"])
	if err != nil {
		l.add("predicate-object", payload+"/predicate", "")
		return
	}
	if isSummary(kind) {
		if kind != attest.PredicateVSA {
			l.add("vsa-type", payload+"/predicateType", "it is %.200q", kind)
		}
		l.summary(predicate, fields["predicate"])
	}
}

// bigIntegers reports integers that a float does not hold.
func (l *linter) bigIntegers(b []byte) {
	dec := jsontext.NewDecoder(bytes.NewReader(b), lenient)
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return
		}
		if tok.Kind() != '0' {
			continue
		}
		// A number that is written with a point or exponent is meant as a float.
		if n, ok := new(big.Int).SetString(tok.String(), 10); ok && n.CmpAbs(maxExact) > 0 {
			l.add("big-integer", payload+string(dec.StackPointer()), "%.40s", n.String())
		}
	}
}

func (l *linter) subjects(v jsontext.Value) {
	place := payload + "/subject"
	all, ok := list(v)
	if !ok && v != nil {
		l.add("wrong-shape", place, "it is no list")
		return
	}
	if len(all) == 0 {
		l.add("no-subject", place, "")
		return
	}
	hasSHA256, tooMany := false, len(all) > 1024
	for i, s := range all {
		fields, err := object(s)
		if err != nil {
			l.add("wrong-shape", pointer(place, i), "it is no object")
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			v := fields[name]
			switch {
			case !slices.Contains(descriptorFields, name):
				l.add("unknown-field", pointer(place, i)+"/"+name, "")
			case name == "annotations":
				if v.Kind() != '{' {
					l.add("wrong-shape", pointer(place, i)+"/"+name, "it is no object")
				}
			case name != "digest" && v.Kind() != '"':
				l.add("wrong-shape", pointer(place, i)+"/"+name, "it is no string")
			}
		}
		digests, err := object(fields["digest"])
		if err != nil {
			l.add("no-subject", pointer(place, i)+"/digest", "it has no digest")
			continue
		}
		tooMany = tooMany || len(digests) > 32
		for _, algorithm := range slices.Sorted(maps.Keys(digests)) {
			v := digests[algorithm]
			value, ok := text(v)
			at := pointer(place, i) + "/digest/" + algorithm
			if !ok {
				l.add("wrong-shape", at, "it is no string")
				continue
			}
			hasSHA256 = hasSHA256 || algorithm == "sha256"
			if n := digestDigits[algorithm]; n > 0 && !isHex(value, n) {
				l.add("digest-form", at, "it is %.140q", value)
			}
		}
	}
	if !hasSHA256 {
		l.add("no-sha256", place, "")
	}
	if tooMany {
		l.add("too-many-subjects", place, "there are %d subjects", len(all))
	}
}

func isHex(s string, n int) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == n && strings.ToLower(s) == s
}

// The fields of https://slsa.dev/spec/v1.2/verification_summary.
var summaryFields = []string{"verifier", "timeVerified", "resourceUri", "policy", "inputAttestations", "verificationResult", "verifiedLevels", "dependencyLevels", "slsaVersion"}

// summaryShape has the types that slsa-verifier decodes a summary into.
type summaryShape struct {
	Verifier struct {
		ID      string            `json:"id"`
		Version map[string]string `json:"version"`
	} `json:"verifier"`
	TimeVerified       *time.Time     `json:"timeVerified"`
	ResourceURI        string         `json:"resourceUri"`
	Policy             *descriptor    `json:"policy"`
	InputAttestations  []descriptor   `json:"inputAttestations"`
	VerificationResult string         `json:"verificationResult"`
	VerifiedLevels     []string       `json:"verifiedLevels"`
	DependencyLevels   map[string]int `json:"dependencyLevels"`
	SLSAVersion        string         `json:"slsaVersion"`
}

type descriptor struct {
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest"`
}

var slsaVersion = regexp.MustCompile(`^\d+\.\d+$`)

func (l *linter) summary(fields map[string]jsontext.Value, raw jsontext.Value) {
	place := payload + "/predicate"
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(summaryFields, name) && !strings.Contains(name, "://") {
			l.add("vsa-extension-name", place+"/"+name, "")
		}
	}
	var s summaryShape
	if err := json.Unmarshal(raw, &s); err != nil {
		l.add("vsa-shape", place, plain(err))
		return
	}
	for _, f := range []struct {
		name string
		ok   bool
	}{{"verifier/id", s.Verifier.ID != ""}, {"resourceUri", s.ResourceURI != ""}, {"verificationResult", s.VerificationResult != ""}, {"verifiedLevels", len(s.VerifiedLevels) > 0}} {
		if !f.ok {
			l.add("vsa-required", place+"/"+f.name, "")
		}
	}
	switch {
	case s.Policy == nil || s.Policy.URI == "":
		l.add("vsa-policy-uri", place+"/policy/uri", "")
	case len(s.Policy.Digest) == 0:
		l.add("vsa-policy-digest", place+"/policy/digest", "")
	}
	if s.TimeVerified == nil || s.TimeVerified.IsZero() {
		l.add("vsa-time", place+"/timeVerified", "")
	}
	switch s.VerificationResult {
	case "", attest.ResultPassed:
	case attest.ResultFailed:
		l.add("vsa-failed", place+"/verificationResult", "")
		if !l.has("payload-type") {
			l.add("release-verdict-confusion", place+"/verificationResult", "")
		}
	default:
		l.add("vsa-result", place+"/verificationResult", "it is %.60q", s.VerificationResult)
	}
	l.levels(place+"/verifiedLevels", s)
	if what := tagged(s.ResourceURI); what != "" {
		l.add("vsa-resource-tag", place+"/resourceUri", "it ends in %.100s", what)
	}
	for i, a := range s.InputAttestations {
		if len(a.Digest) == 0 {
			l.add("vsa-input-digest", pointer(place+"/inputAttestations", i), "")
		}
	}
	if s.SLSAVersion != "" && !slsaVersion.MatchString(s.SLSAVersion) {
		l.add("vsa-slsa-version", place+"/slsaVersion", "it is %.40q", s.SLSAVersion)
	}
}

func (l *linter) has(id string) bool {
	return slices.ContainsFunc(l.result.Problems, func(p Problem) bool { return p.ID == id })
}

func (l *linter) levels(place string, s summaryShape) {
	tracks := map[string]bool{}
	for i, level := range s.VerifiedLevels {
		if level == "FAILED" && (len(s.VerifiedLevels) > 1 || s.VerificationResult == attest.ResultPassed) {
			l.add("vsa-failed-level", pointer(place, i), "")
		}
		if !strings.HasPrefix(level, "SLSA_") {
			continue
		}
		parts := strings.SplitN(level, "_", 4)
		if len(parts) != 4 || parts[2] != "LEVEL" || !isNumber(parts[3]) {
			l.add("vsa-level-form", pointer(place, i), "it is %.80q", level)
			continue
		}
		if tracks[parts[1]] {
			l.add("vsa-level-twice", pointer(place, i), "of the track %.40s", parts[1])
		}
		tracks[parts[1]] = true
	}
}

func isNumber(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// tagged is the tag or version at the end of a resource URI of an image; empty if
// there is none. A digest is none: it names one artifact.
func tagged(uri string) string {
	if rest, ok := strings.CutPrefix(uri, "pkg:oci/"); ok {
		name, query, _ := strings.Cut(rest, "?")
		if _, v, ok := strings.Cut(name, "@"); ok && !strings.HasPrefix(v, "sha256") {
			return fmt.Sprintf("the version %s", v)
		}
		for q := range strings.SplitSeq(query, "&") {
			if tag, ok := strings.CutPrefix(q, "tag="); ok {
				return fmt.Sprintf("the tag %s", tag)
			}
		}
		return ""
	}
	rest, isOCI := strings.CutPrefix(uri, "oci://")
	if scheme, _, ok := strings.Cut(uri, ":"); ok && !isOCI && !strings.ContainsAny(scheme, "./") {
		return "" // another scheme
	}
	if strings.Contains(rest, "@") {
		return ""
	}
	last := rest[strings.LastIndex(rest, "/")+1:]
	if _, tag, ok := strings.Cut(last, ":"); ok {
		return fmt.Sprintf("the tag %s", tag)
	}
	return ""
}
