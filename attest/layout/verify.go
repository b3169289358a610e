package layout

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	jsonv2 "encoding/json/v2"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// File is a file with metadata.
type File struct {
	// Name says for people where it is.
	Name string
	Data []byte
}

// Options are what a layout is verified against.
type Options struct {
	// Owners are the keys of whoever decides about the layout: all of them must
	// have signed it. Never empty.
	Owners []attest.PublicKey
	// Links are the files with what the functionaries did.
	Links []File
	// Now is compared with the end of the layout.
	Now time.Time
	// Inspect runs an inspection and says what was there before and after. Nil
	// refuses layouts that have one.
	Inspect func(context.Context, Inspection) (Link, error)
}

// Result is what was found out. The zero value is no pass.
type Result struct {
	passed bool
	// Digest is that of the file with the layout.
	Digest attest.Digest `json:"digest"`
	// Owners are the ids of the keys that signed it.
	Owners  []string     `json:"owners"`
	Expires time.Time    `json:"expires,omitzero"`
	Steps   []StepResult `json:"steps"`
	// Links are the digests of the files with links that were looked at, sorted.
	Links []attest.Digest `json:"links"`
	// Problems say in clauses why it is no pass; empty if it is one.
	Problems []string `json:"problems"`
	// Warnings are about what the layout leaves open.
	Warnings []string `json:"warnings"`
}

// Passed reports whether all that the layout asks for was done, by those who may.
func (r Result) Passed() bool { return r.passed }

// StepResult is what became of a step.
type StepResult struct {
	Name string `json:"name"`
	Met  bool   `json:"met"`
	// Reason says in a clause why it is met or not.
	Reason string `json:"reason"`
	// Functionaries are the ids of the keys of those who did it, sorted.
	Functionaries []string `json:"functionaries"`
	Threshold     int      `json:"threshold"`
	// Products are what it ended with; nil if it is not met.
	Products map[string]Digests `json:"products,omitempty"`
}

// Verify decides whether the steps of a layout were done as it says. What is amiss is
// in the result; the error is for what is no layout, or not signed by its owners.
func Verify(ctx context.Context, file File, opts Options) (Result, error) {
	m, err := parse(file.Data)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", file.Name, err)
	}
	res := Result{Digest: attest.Attestation{Bytes: file.Data}.Digest(), Steps: []StepResult{}, Links: []attest.Digest{}, Problems: []string{}, Warnings: []string{}}
	for _, l := range opts.Links {
		res.Links = append(res.Links, attest.Attestation{Bytes: l.Data}.Digest())
	}
	slices.Sort(res.Links)
	if len(opts.Owners) == 0 {
		return Result{}, errors.New("no key of an owner of the layout is given")
	}
	for _, o := range opts.Owners {
		key, err := newPublicKey(o.Crypto())
		if err != nil {
			return Result{}, err
		}
		if !m.by(key) {
			res.Problems = append(res.Problems, fmt.Sprintf("the layout is not signed with the key %s of its owner", o.ID()))
			continue
		}
		res.Owners = append(res.Owners, key.id)
	}
	if len(res.Problems) > 0 {
		return res, nil // nothing in it can be believed
	}
	l, err := parseLayout(m)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", file.Name, err)
	}
	res.Expires = l.Expires
	if !opts.Now.Before(l.Expires) {
		res.Problems = append(res.Problems, fmt.Sprintf("the layout ended at %s", l.Expires.UTC().Format(time.RFC3339)))
	}
	links, err := parseLinks(opts.Links)
	if err != nil {
		return Result{}, err
	}
	v := verification{layout: l, result: &res, chosen: map[string]Link{}}
	for _, s := range l.Steps {
		v.step(s, links)
	}
	if err := v.inspect(ctx, opts.Inspect); err != nil {
		return Result{}, err
	}
	v.artifacts()
	v.duties()
	for _, s := range res.Steps {
		if !s.Met {
			res.Problems = append(res.Problems, fmt.Sprintf("the step %q: %s", s.Name, s.Reason))
		}
	}
	res.passed = len(res.Problems) == 0 && len(res.Steps) == len(l.Steps) && len(l.Steps) > 0
	return res, nil
}

// parsed is a layout with its keys and rules read.
type parsed struct {
	Layout
	keys map[string]publicKey
	// materials and products are the rules by the name of the step or
	// inspection.
	materials, products map[string][]rule
}

// parseLayout reads a layout and checks that it can be decided by.
func parseLayout(m metadata) (parsed, error) {
	p := parsed{keys: map[string]publicKey{}, materials: map[string][]rule{}, products: map[string][]rule{}}
	if kind := m.kind(); kind != typeLayout {
		return p, fmt.Errorf("it is a %.40q, not a layout", kind)
	}
	if err := jsonv2.Unmarshal(m.payload, &p.Layout); err != nil {
		return p, fmt.Errorf("it is not a layout: %w", err)
	}
	if len(p.Steps) == 0 {
		return p, errors.New("the layout has no step, so it would prove nothing")
	}
	if len(p.Steps)+len(p.Inspect) > limits.MaxLayoutSteps {
		return p, fmt.Errorf("the layout has more than %d steps", limits.MaxLayoutSteps)
	}
	if p.Expires.IsZero() {
		return p, errors.New("the layout has no end (expires)")
	}
	for id, k := range p.Keys {
		key, err := k.public()
		if err != nil {
			return p, fmt.Errorf("the key %.80q of the layout: %w", id, err)
		}
		p.keys[id] = key
	}
	names := map[string]bool{}
	for _, s := range p.Steps {
		if s.Type != typeStep || s.Name == "" || names[s.Name] {
			return p, fmt.Errorf("the layout has a step %.80q that has no name of its own, or another type than step", s.Name)
		}
		names[s.Name] = true
		if err := p.step(s); err != nil {
			return p, fmt.Errorf("the step %q of the layout: %w", s.Name, err)
		}
	}
	for _, i := range p.Inspect {
		if i.Type != typeInspection || i.Name == "" || names[i.Name] || len(i.Run) == 0 {
			return p, fmt.Errorf("the layout has an inspection %.80q that has no name of its own, nothing to run, or another type", i.Name)
		}
		names[i.Name] = true
		if err := p.rules(i.Name, i.ExpectedMaterials, i.ExpectedProducts); err != nil {
			return p, fmt.Errorf("the inspection %q of the layout: %w", i.Name, err)
		}
	}
	for _, rules := range []map[string][]rule{p.materials, p.products} {
		for item, list := range rules {
			for _, r := range list {
				if r.kind == "match" && !names[r.from] {
					return p, fmt.Errorf("the rule %q of %q is about the step %q, which there is not", r.text, item, r.from)
				}
			}
		}
	}
	return p, nil
}

func (p *parsed) step(s Step) error {
	distinct := map[string]bool{}
	for _, id := range s.PubKeys {
		key, ok := p.keys[id]
		if !ok {
			return fmt.Errorf("the key %.80q is not among those of the layout", id)
		}
		distinct[key.id] = true
	}
	if s.Threshold < 1 || s.Threshold > len(distinct) {
		return fmt.Errorf("%d of %d must do it, which cannot be", s.Threshold, len(distinct))
	}
	return p.rules(s.Name, s.ExpectedMaterials, s.ExpectedProducts)
}

func (p *parsed) rules(name string, materials, products [][]string) error {
	for _, list := range []struct {
		words [][]string
		into  map[string][]rule
	}{{materials, p.materials}, {products, p.products}} {
		for _, words := range list.words {
			r, err := parseRule(words)
			if err != nil {
				return err
			}
			list.into[name] = append(list.into[name], r)
		}
	}
	return nil
}

// signedLink is a link and what it is signed over.
type signedLink struct {
	file string
	meta metadata
	Link
	// layout is true for a layout in the place of a link.
	layout bool
}

func parseLinks(files []File) ([]signedLink, error) {
	if len(files) > limits.MaxLinks {
		return nil, fmt.Errorf("there are %d links, the limit is %d", len(files), limits.MaxLinks)
	}
	var out []signedLink
	for _, f := range files {
		m, err := parse(f.Data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		l := signedLink{file: f.Name, meta: m}
		switch kind := m.kind(); kind {
		case typeLayout:
			l.layout = true
		case typeLink:
			if err := jsonv2.Unmarshal(m.payload, &l.Link); err != nil {
				return nil, fmt.Errorf("%s: it is not a link: %w", f.Name, err)
			}
		default:
			return nil, fmt.Errorf("%s: it is a %.40q, not a link", f.Name, kind)
		}
		out = append(out, l)
	}
	return out, nil
}

// verification is one run.
type verification struct {
	layout parsed
	result *Result
	// chosen has one link of each step that is met.
	chosen map[string]Link
}

// step finds out who did it.
func (v *verification) step(s Step, links []signedLink) {
	out := StepResult{Name: s.Name, Threshold: s.Threshold, Functionaries: []string{}}
	var first *signedLink
	signers := map[string]bool{}
	strangers, differ := 0, ""
	for i := range links {
		l := &links[i]
		if l.layout || l.Name != s.Name {
			continue
		}
		known := false
		for _, id := range s.PubKeys {
			key := v.layout.keys[id]
			if !l.meta.by(key) {
				continue
			}
			known = true
			signers[key.id] = true
		}
		switch {
		case !known:
			strangers++
		case first == nil:
			first = l
		case !sameArtifacts(first.Link, l.Link):
			differ = l.file
		}
		if known && len(s.ExpectedCommand) > 0 && !slices.Equal(s.ExpectedCommand, l.Command) {
			v.warn("the step %q was done with the command %q, expected is %q", s.Name, strings.Join(l.Command, " "), strings.Join(s.ExpectedCommand, " "))
		}
	}
	out.Functionaries = append(out.Functionaries, slices.Sorted(maps.Keys(signers))...)
	switch {
	case first == nil && strangers > 0:
		out.Reason = fmt.Sprintf("none of its %d links is signed by somebody who may do it", strangers)
	case first == nil:
		out.Reason = "there is no link for it"
	case differ != "":
		out.Reason = fmt.Sprintf("%s and %s disagree about what was there before or after", first.file, differ)
	case len(signers) < s.Threshold:
		out.Reason = fmt.Sprintf("%d of those who may have done it, %d are needed", len(signers), s.Threshold)
	default:
		out.Met, out.Reason = true, fmt.Sprintf("done by %d, %d needed", len(signers), s.Threshold)
		v.chosen[s.Name] = first.Link
		out.Products = first.Products
	}
	v.result.Steps = append(v.result.Steps, out)
}

func sameArtifacts(a, b Link) bool {
	same := func(a, b Digests) bool { return maps.Equal(a, b) }
	return maps.EqualFunc(a.Materials, b.Materials, same) && maps.EqualFunc(a.Products, b.Products, same)
}

// inspect runs the inspections. One that is not allowed, or fails, is a problem.
func (v *verification) inspect(ctx context.Context, run func(context.Context, Inspection) (Link, error)) error {
	for _, i := range v.layout.Inspect {
		if run == nil {
			v.problem("the layout asks for the inspection %q, which runs a command: %q", i.Name, strings.Join(i.Run, " "))
			continue
		}
		if len(v.result.Problems) > 0 || len(v.chosen) != len(v.layout.Steps) {
			v.problem("the inspection %q was not run, as the steps before it are not in order", i.Name)
			continue
		}
		link, err := run(ctx, i)
		if err := ctx.Err(); err != nil {
			return err
		}
		if err != nil {
			v.problem("the inspection %q: %s", i.Name, err)
			continue
		}
		v.chosen[i.Name] = link
	}
	return nil
}

// artifacts applies the rules of each step and inspection that has a link.
func (v *verification) artifacts() {
	check := func(name string) error {
		link, ok := v.chosen[name]
		if !ok {
			return nil // said already
		}
		if err := apply(v.layout.materials[name], link, false, v.chosen); err != nil {
			return err
		}
		return apply(v.layout.products[name], link, true, v.chosen)
	}
	for i := range v.result.Steps {
		s := &v.result.Steps[i]
		if err := check(s.Name); err != nil {
			s.Met, s.Reason, s.Products = false, err.Error(), nil
		}
	}
	for _, i := range v.layout.Inspect {
		if err := check(i.Name); err != nil {
			v.problem("the inspection %q: %s", i.Name, err)
		}
	}
}

// duties warns about what the layout leaves open.
func (v *verification) duties() {
	may := map[string][]string{}
	for i, s := range v.layout.Steps {
		distinct := map[string]bool{}
		for _, id := range s.PubKeys {
			distinct[v.layout.keys[id].id] = true
		}
		for id := range distinct {
			may[id] = append(may[id], s.Name)
		}
		if i > 0 && !endsClosed(v.layout.materials[s.Name]) {
			v.warn("the step %q may begin with anything: its materials do not end in DISALLOW *", s.Name)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(may)) {
		if len(may[id]) > 1 {
			v.warn("one key (%s) may do %s", id, strings.Join(may[id], " and "))
		}
	}
}

func (v *verification) problem(format string, args ...any) {
	v.result.Problems = append(v.result.Problems, fmt.Sprintf(format, args...))
}

func (v *verification) warn(format string, args ...any) {
	v.result.Warnings = append(v.result.Warnings, fmt.Sprintf(format, args...))
}

// Product reports whether a step that is met ended with a file of that SHA-256.
func (r Result) Product(step string, sha256 string) bool {
	for _, s := range r.Steps {
		if s.Name != step || !s.Met {
			continue
		}
		for _, d := range s.Products {
			if sha256 != "" && d["sha256"] == sha256 {
				return true
			}
		}
	}
	return false
}

// verifyPSS verifies with a salt as long as the hash, as in-toto makes it.
func verifyPSS(key *rsa.PublicKey, sum, sig []byte) bool {
	return rsa.VerifyPSS(key, crypto.SHA256, sum, sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto, Hash: crypto.SHA256}) == nil
}
