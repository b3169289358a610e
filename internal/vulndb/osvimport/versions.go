package osvimport

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	order "github.com/gatehouse-sec/gatehouse/internal/version"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
)

// version is a version that its ecosystem understands.
type version struct {
	text    string
	lowest  bool // OSV's "0": before all others
	compare func(text string) (int, error)
}

// comparer returns how a version compares with the text of another one.
type comparer func(text string) (func(other string) (int, error), error)

// parser reads the versions of an ecosystem.
type parser struct {
	parse comparer
	// system is true for packages of an operating system.
	system bool
	// special are characters that mean something in a version range, so that a
	// version with one of them could change what a range says.
	special string
}

// comparing makes a comparer of a scheme.
func comparing(scheme order.Scheme) comparer {
	// A database repeats few versions often within one entry, and never so
	// many that they have to be forgotten: the cache lives as long as a parser.
	cache := map[string]order.Version{}
	cached := func(s string) (order.Version, error) {
		if v, ok := cache[s]; ok {
			return v, nil
		}
		v, err := scheme.Parse(s)
		if err == nil {
			cache[s] = v
		}
		return v, err
	}
	return func(text string) (func(string) (int, error), error) {
		v, err := cached(text)
		if err != nil {
			return nil, err
		}
		return func(other string) (int, error) {
			w, err := cached(other)
			if err != nil {
				return 0, err
			}
			return v.Compare(w), nil
		}, nil
	}
}

// parserOf returns the parser for the versions of an ecosystem, under its
// name in the database. It must not be shared between goroutines.
func parserOf(ecosystem string) parser {
	// The order is that in which the scanner compares: a range means the same
	// on both sides of the database.
	p := parser{parse: comparing(order.Of(ecosystem)), special: "<>=!~^|,*()[]{} \t\r\n"}
	if vulndb.IsSystem(ecosystem) {
		// "~" and "^" are a part of versions there.
		p.system, p.special = true, "<>=!|,*()[]{} \t\r\n"
	}
	return p
}

func (p parser) version(text string) (version, error) {
	if text == "0" {
		return version{text: text, lowest: true}, nil
	}
	if text == "" || strings.ContainsAny(text, p.special) || len(text) > 256 {
		return version{}, fmt.Errorf("%.80q is no version", text)
	}
	compare, err := p.parse(text)
	if err != nil {
		return version{}, fmt.Errorf("%.80q is no version", text)
	}
	return version{text: text, compare: compare}, nil
}

func (v version) cmp(w version) int {
	switch {
	case v.lowest && w.lowest:
		return 0
	case v.lowest:
		return -1
	case w.lowest:
		return 1
	}
	n, _ := v.compare(w.text) // both were parsed before
	return n
}

// interval is a set of versions without a hole.
type interval struct {
	from version
	to   *version // nil: no end
	// closed is true if to is in it.
	closed bool
}

func (r interval) contains(v version) bool {
	if v.cmp(r.from) < 0 {
		return false
	}
	if r.to == nil {
		return true
	}
	n := v.cmp(*r.to)
	return n < 0 || n == 0 && r.closed
}

// constraint writes the interval as trivy-db does.
func (r interval) constraint() string {
	switch {
	case r.to == nil:
		return ">=" + r.from.text
	case r.closed && r.from.text == r.to.text:
		return "=" + r.to.text
	}
	end := "<" + r.to.text
	if r.closed {
		end = "<=" + r.to.text
	}
	if r.from.lowest {
		return end
	}
	return ">=" + r.from.text + ", " + end
}

// event is one change of a range at a version.
type event struct {
	kind string
	at   version
}

const (
	introduced   = "introduced"
	fixed        = "fixed"
	lastAffected = "last_affected"
	limit        = "limit"
)

// intervals evaluates the events of a range, in whatever order they come, as
// https://ossf.github.io/osv-schema/#evaluation says.
func (p parser) intervals(events []osvEvent) ([]interval, error) {
	var sorted []event
	var end *version // the highest limit; nil: none
	starts, unlimited := 0, true
	for _, e := range events {
		n := 0
		for _, one := range []struct{ kind, text string }{
			{introduced, e.Introduced}, {fixed, e.Fixed}, {lastAffected, e.LastAffected}, {limit, e.Limit},
		} {
			if one.text == "" {
				continue
			}
			n++
			if one.kind == limit && one.text == "*" {
				end, unlimited = nil, true
				continue
			}
			v, err := p.version(one.text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", one.kind, err)
			}
			switch one.kind {
			case introduced:
				starts++
			case limit:
				if end == nil || end.cmp(v) < 0 {
					end = &v
				}
				unlimited = false
				continue
			}
			sorted = append(sorted, event{one.kind, v})
		}
		if n == 0 {
			return nil, errors.New("an event is none of introduced, fixed, last_affected and limit")
		}
	}
	if starts == 0 {
		return nil, errors.New("no event says where the problem was introduced")
	}
	slices.SortStableFunc(sorted, func(a, b event) int { return a.at.cmp(b.at) })
	var out []interval
	open := false
	for len(sorted) > 0 {
		at := sorted[0].at
		has := map[string]bool{}
		for len(sorted) > 0 && sorted[0].at.cmp(at) == 0 {
			has[sorted[0].kind] = true
			sorted = sorted[1:]
		}
		closing := has[fixed] || has[lastAffected]
		if !open && closing && !has[introduced] && len(out) == 0 {
			return nil, fmt.Errorf("it ends at %s, before it starts", at.text)
		}
		if open && has[fixed] {
			out[len(out)-1].to, open = &at, false
		} else if !open && has[fixed] {
			continue // introduced and fixed in one version: nobody has it
		}
		if !open && has[introduced] {
			out, open = append(out, interval{from: at}), true
		}
		if open && has[lastAffected] {
			last := &out[len(out)-1]
			last.to, last.closed, open = &at, true, false
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no version lies in it")
	}
	if unlimited || end == nil {
		return out, nil
	}
	out = slices.DeleteFunc(out, func(r interval) bool { return r.from.cmp(*end) >= 0 })
	for i := range out {
		if to := out[i].to; to == nil || to.cmp(*end) >= 0 {
			out[i].to, out[i].closed = end, false
		}
	}
	return out, nil
}
