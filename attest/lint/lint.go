// Package lint checks attestations of any producer against what their consumers
// take, and names who would refuse one, and why.
//
// It verifies nothing: an attestation without a complaint may still be signed by
// anybody. The rules were read from the source of the consumers; each names its own.
package lint

import (
	"bytes"
	"cmp"
	"encoding/json/jsontext"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// Result is what was found out about one attestation.
type Result struct {
	// Origin says where it is.
	Origin string `json:"origin"`
	// Digest is that of its bytes.
	Digest attest.Digest `json:"digest"`
	// Form is "bundle", "envelope" or "statement"; empty if it is none of them.
	Form string `json:"form"`
	// PredicateType is as written; empty if it could not be read.
	PredicateType string `json:"predicate_type"`
	// Problems are in the order of the document; never nil.
	Problems []Problem `json:"problems"`
}

// Problem is a rule that an attestation breaks.
type Problem struct {
	Rule
	// Place is a JSON pointer into the file, or with "payload" in front into the
	// statement; empty if it is about the whole.
	Place string `json:"place"`
	// Detail says in a clause what is there; may be empty.
	Detail string `json:"detail"`
}

// Concerns reports whether the problem makes the consumer refuse or misread the
// attestation.
func (p Problem) concerns(c Consumer) bool {
	return (p.Level == Refused || p.Level == Misread) && slices.ContainsFunc(p.Concerns, func(x Concern) bool { return x.Consumer == c })
}

// Accepted reports whether none of the consumers refuses or misreads the attestation.
func (r Result) Accepted(by []Consumer) bool {
	for _, p := range r.Problems {
		if slices.ContainsFunc(by, p.concerns) {
			return false
		}
	}
	return true
}

// Status is what becomes of the attestation at a consumer: "accepts", "refuses",
// "misreads", "other form" or "not meant for it".
func (r Result) Status(c Consumer) string {
	if c == SLSAVerifier && !forSLSAVerifier(r.PredicateType) {
		return "not meant for it"
	}
	status := "accepts"
	for _, p := range r.Problems {
		if !slices.ContainsFunc(p.Concerns, func(x Concern) bool { return x.Consumer == c }) {
			continue
		}
		switch p.Level {
		case Refused:
			return "refuses"
		case Misread:
			status = "misreads"
		case Form:
			if status == "accepts" {
				status = "other form"
			}
		}
	}
	return status
}

// forSLSAVerifier reports whether slsa-verifier reads the predicate type at all.
func forSLSAVerifier(predicateType string) bool {
	return predicateType == "" || strings.HasPrefix(predicateType, "https://slsa.dev/") || isSummary(predicateType)
}

// isSummary reports whether a predicate type means a verification summary, by the
// right name or another.
func isSummary(predicateType string) bool {
	return strings.Contains(predicateType, "verification_summary") || strings.Contains(predicateType, "verificationsummary")
}

// File checks what is in a file: an envelope, a bundle or a statement, or JSON Lines
// of them. The error is for what is too large to look at.
func File(name string, data []byte) ([]Result, error) {
	if len(data) > limits.MaxAttestationBytes {
		return nil, fmt.Errorf("%s has %d bytes, the limit is %d", name, len(data), limits.MaxAttestationBytes)
	}
	var out []Result
	dec := jsontext.NewDecoder(bytes.NewReader(data), lenient)
	for {
		value, err := dec.ReadValue()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || value.Kind() != '{' {
			bad := attest.Attestation{Bytes: bytes.TrimSpace(data), Origin: name}
			r := Result{Origin: name, Digest: bad.Digest()}
			l := linter{result: &r}
			detail := "it is something else than an object"
			if err != nil {
				detail = plain(err)
			}
			l.add("not-json", "", detail)
			return append(out, r), nil
		}
		out = append(out, Attestation(attest.Attestation{Bytes: bytes.Clone(value), Origin: name}))
		if len(out) > limits.MaxAttestations {
			return nil, fmt.Errorf("%s has more than %d attestations, the limit", name, limits.MaxAttestations)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s is empty: there is nothing to check", name)
	}
	if len(out) > 1 {
		for i := range out {
			out[i].Origin = fmt.Sprintf("%s, number %d", name, i+1)
		}
	}
	return out, nil
}

// lenient lets duplicate keys through, which are a complaint and no reason to stop.
var lenient = jsontext.AllowDuplicateNames(true)

// Attestation checks one attestation.
func Attestation(a attest.Attestation) Result {
	r := Result{Origin: a.Origin, Digest: a.Digest(), Problems: []Problem{}}
	l := linter{result: &r}
	fields, err := object(a.Bytes)
	if err != nil {
		l.add("not-json", "", plain(err))
		return r
	}
	l.duplicates("", a.Bytes)
	switch {
	case fields["mediaType"] != nil || fields["verificationMaterial"] != nil || fields["dsseEnvelope"] != nil || fields["messageSignature"] != nil:
		r.Form = "bundle"
		l.bundle(fields)
	case fields["payload"] != nil || fields["payloadType"] != nil || fields["signatures"] != nil:
		r.Form = "envelope"
		l.add("envelope-form", "", "")
		l.envelope("", a.Bytes)
	case fields["_type"] != nil || fields["predicateType"] != nil:
		r.Form = "statement"
		l.add("unsigned", "", "")
		l.statement(a.Bytes)
	default:
		l.add("not-attestation", "", "")
	}
	if !forSLSAVerifier(r.PredicateType) {
		l.without(SLSAVerifier)
	}
	slices.SortStableFunc(r.Problems, func(a, b Problem) int { return cmp.Compare(order[a.Level], order[b.Level]) })
	return r
}

var order = map[Level]int{Refused: 0, Misread: 1, Note: 2, Form: 3}

// linter collects problems.
type linter struct {
	result *Result
	// more counts what is over maxOfRule, by rule.
	more map[string]int
}

// maxOfRule is how often one rule is reported for an attestation: the tenth
// unknown field tells nobody more.
const maxOfRule = 10

func (l *linter) add(id, place, detail string, args ...any) {
	rule, ok := rules[id]
	if !ok {
		panic("there is no rule " + id)
	}
	if l.more == nil {
		l.more = map[string]int{}
	}
	if l.more[id]++; l.more[id] > maxOfRule {
		return
	}
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	rule.Concerns = append([]Concern{}, rule.Concerns...)
	l.result.Problems = append(l.result.Problems, Problem{Rule: rule, Place: place, Detail: detail})
}

// without leaves out what concerns a consumer, and problems that concern nobody else.
func (l *linter) without(c Consumer) {
	l.result.Problems = slices.DeleteFunc(l.result.Problems, func(p Problem) bool {
		return len(p.Concerns) == 1 && p.Concerns[0].Consumer == c
	})
	for i := range l.result.Problems {
		p := &l.result.Problems[i]
		p.Concerns = slices.DeleteFunc(p.Concerns, func(x Concern) bool { return x.Consumer == c })
	}
}

// object reads the fields of an object; of two with one name the last counts.
func object(b []byte) (map[string]jsontext.Value, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(b), lenient)
	start, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	if start.Kind() != '{' {
		return nil, errors.New("it is no object")
	}
	out := map[string]jsontext.Value{}
	for dec.PeekKind() == '"' {
		key, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		name := key.String()
		value, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		out[name] = value.Clone()
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the object")
	}
	return out, nil
}

// list reads the elements of an array; ok is false if it is none.
func list(v jsontext.Value) (out []jsontext.Value, ok bool) {
	if v.Kind() != '[' {
		return nil, false
	}
	dec := jsontext.NewDecoder(bytes.NewReader(v), lenient)
	if _, err := dec.ReadToken(); err != nil {
		return nil, false
	}
	for dec.PeekKind() != ']' {
		e, err := dec.ReadValue()
		if err != nil {
			return nil, false
		}
		out = append(out, e.Clone())
	}
	return out, true
}

// text reads a string; ok is false if it is none.
func text(v jsontext.Value) (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	b, err := jsontext.AppendUnquote(nil, v)
	return string(b), err == nil
}

// duplicates reports each key that stands twice in an object, at any depth.
func (l *linter) duplicates(prefix string, b []byte) {
	dec := jsontext.NewDecoder(bytes.NewReader(b), lenient)
	var seen []map[string]bool // of the objects that are open
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return
		}
		depth := dec.StackDepth()
		switch tok.Kind() {
		case '{', '[':
			for len(seen) <= depth {
				seen = append(seen, nil)
			}
			seen[depth] = map[string]bool{}
		case '"':
			kind, n := dec.StackIndex(depth)
			if depth == 0 || kind != '{' || n%2 == 0 {
				continue // a value
			}
			name := tok.String()
			if seen[depth][name] {
				l.add("duplicate-key", prefix+string(dec.StackPointer()), "")
			}
			seen[depth][name] = true
		}
	}
}

func plain(err error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "jsontext: "), "json: ")
}
