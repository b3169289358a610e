// Package osvimport builds a vulnerability database from advisory files.
//
// It reads the OSV format in JSON and YAML, and the RustSec format, from
// directories and archives. Nothing is dropped in silence: what is not
// imported is counted, and what looks like an advisory and cannot be read is
// named with its reason.
package osvimport

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/builder"
	"github.com/gatehouse-sec/gatehouse/internal/vulndb/feeds"
)

// Options are the choices of an import.
type Options struct {
	// Now is the time of the import: it decides which entries are withdrawn,
	// and the age of the data is measured up to it.
	Now time.Time
	// SourceName is the database to name for entries whose id does not tell
	// it. If it is empty, that is the name of the directory or archive.
	SourceName string
	// Lists are joined to the advisories; may be nil.
	Lists *feeds.Lists
	// Progress is called now and then with the number of files read; may be
	// nil.
	Progress func(files int)
}

// Result says what became of the files.
type Result struct {
	// Manifest describes the new database.
	Manifest vulndb.Manifest
	// UpdatedAt is the newest date in the data, at most the time of the
	// import; zero if no entry has a date.
	UpdatedAt time.Time
	// Files counts those that were read, Ignored those that are no advisories.
	Files, Ignored int
	// Entries counts those accepted, by the name of the source.
	Entries map[string]int
	// Withdrawn counts entries that their source took back.
	Withdrawn int
	// Duplicates counts entries of which there is a newer copy.
	Duplicates int
	// CommitsOnly counts packages that are described by commits alone.
	CommitsOnly int
	// UnusableVersions counts listed versions that are none in their
	// ecosystem.
	UnusableVersions int
	// UnknownEcosystems counts packages that no scanner knows, by ecosystem.
	UnknownEcosystems map[string]int
	// Unsupported counts advisories in other formats, by format.
	Unsupported map[string]int
	// Rejected names what looks like an advisory and could not be imported, as
	// far as there is room; RejectedCount counts all.
	Rejected      []Rejection
	RejectedCount int
	// Reasons counts them by reason, without what differs from one to another.
	Reasons map[string]int
}

// Rejection is an entry or a part of one that was not imported.
type Rejection struct {
	File string
	// Entry and Package are empty if they are not known.
	Entry, Package string
	// Reason is a clause.
	Reason string
}

// String is one line. What was imported says the names, so characters that a
// terminal would obey are replaced.
func (r Rejection) String() string {
	s := r.File
	if r.Entry != "" {
		s += ": " + r.Entry
	}
	if r.Package != "" {
		s += ": " + r.Package
	}
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return unicode.ReplacementChar
		}
		return c
	}, s+": "+r.Reason)
}

// maxRejections bounds the list of what was rejected.
const maxRejections = 1000

// ErrNothing means that no source holds an advisory that could be imported.
var ErrNothing = errors.New("no advisory was imported")

// batch bounds what is held in memory.
const (
	batchFiles = 1024
	batchBytes = 32 << 20
)

// Import reads the sources (directories, archives and files) and replaces the
// database in the directory dst. The result is valid with ErrNothing, too.
func Import(ctx context.Context, dst string, sources []string, opts Options) (Result, error) {
	im := &importer{ctx: ctx, opts: opts, result: Result{
		Entries: map[string]int{}, UnknownEcosystems: map[string]int{}, Unsupported: map[string]int{},
	}}
	if len(sources) == 0 {
		return im.result, fmt.Errorf("%w: name a directory, an archive or a file", ErrNothing)
	}
	err := vulndb.Install(dst, func(tmp string) error { return im.run(tmp, sources) })
	return im.result, err
}

type importer struct {
	ctx   context.Context
	opts  Options
	b     *builder.Builder
	batch []file
	bytes int
	// parsing yields the outcomes of the batch before, which is parsed while
	// the next one is read; nil if there is none.
	parsing chan parsedBatch
	older   int // entries of which a newer copy was there already
	result  Result
}

func (im *importer) run(tmp string, sources []string) (err error) {
	if im.b, err = builder.New(tmp); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, im.b.Close()) }()
	if im.opts.Lists != nil {
		im.b.Join(im.opts.Lists.Feeds(), im.opts.Lists.Lookup)
	}
	defer func() {
		if im.parsing != nil { // after an error
			<-im.parsing
		}
	}()
	r := &reader{emit: im.add}
	for _, s := range sources {
		if err := r.source(s); err != nil {
			return err
		}
	}
	if err := errors.Join(im.flush(), im.collect()); err != nil {
		return err
	}
	res := &im.result
	res.Ignored += r.ignored
	var replaced int
	res.Entries, replaced = im.b.Entries()
	res.Duplicates = im.older + replaced
	if len(res.Entries) == 0 {
		return fmt.Errorf("%w from %s: %s", ErrNothing, strings.Join(sources, ", "), res.nothing())
	}
	meta := vulndb.Metadata{
		Version: vulndb.SchemaVersion, UpdatedAt: res.UpdatedAt.UTC(),
		NextUpdate: im.opts.Now.UTC().Add(24 * time.Hour), DownloadedAt: im.opts.Now.UTC(),
	}
	res.Manifest, err = im.b.Finish(meta, vulndb.Manifest{Rejected: res.RejectedCount, Withdrawn: res.Withdrawn})
	return err
}

// nothing explains an empty result.
func (r *Result) nothing() string {
	s := fmt.Sprintf("%d files read, %d ignored, %d rejected", r.Files, r.Ignored, r.RejectedCount)
	for format, n := range r.Unsupported {
		s += fmt.Sprintf(", %d in the %s format, which is not supported", n, format)
	}
	if len(r.Rejected) > 0 {
		s += "; first rejection: " + r.Rejected[0].String()
	}
	return s
}

// add collects files and evaluates them when there are enough.
func (im *importer) add(f file) error {
	im.batch = append(im.batch, f)
	im.bytes += len(f.data)
	if len(im.batch) >= batchFiles || im.bytes >= batchBytes {
		return im.flush()
	}
	return nil
}

// outcome is what a file gave.
type outcome struct {
	entries     []*parsed
	errs        []error
	ignored     int
	unsupported map[string]int
}

// parsedBatch are files and what they gave.
type parsedBatch struct {
	files    []file
	outcomes []outcome
}

// flush starts to parse the batch, and stores the one before.
func (im *importer) flush() error {
	batch := im.batch
	im.batch, im.bytes = nil, 0
	if err := im.collect(); err != nil {
		return err
	}
	done := make(chan parsedBatch, 1)
	im.parsing = done
	go func() { done <- parsedBatch{batch, im.evaluateAll(batch)} }()
	return nil
}

// collect waits for the batch that is being parsed and stores it in order.
func (im *importer) collect() error {
	if im.parsing == nil {
		return im.ctx.Err()
	}
	b := <-im.parsing
	im.parsing = nil
	if err := im.ctx.Err(); err != nil {
		return err
	}
	for i, o := range b.outcomes {
		if err := im.store(b.files[i], o); err != nil {
			return err
		}
	}
	im.result.Files += len(b.files)
	if im.opts.Progress != nil {
		im.opts.Progress(im.result.Files)
	}
	return nil
}

// evaluateAll parses files on all cores.
func (im *importer) evaluateAll(files []file) []outcome {
	outcomes := make([]outcome, len(files))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(files) || im.ctx.Err() != nil {
					return
				}
				outcomes[i] = evaluate(files[i], im.opts.Now)
			}
		})
	}
	wg.Wait()
	return outcomes
}

// evaluate reads one file. A crash is a fault of ours in the end, but it must
// not take the other advisories with it.
func evaluate(f file, now time.Time) (o outcome) {
	defer func() {
		if r := recover(); r != nil {
			o = outcome{errs: []error{fmt.Errorf("the importer crashed: %v", r)}}
		}
	}()
	if f.err != nil {
		return outcome{errs: []error{f.err}}
	}
	data := bytes.TrimPrefix(f.data, []byte("\xef\xbb\xbf"))
	switch strings.ToLower(path.Ext(f.name)) {
	case ".md":
		p, err := parseRustSec(data, now)
		if err != nil {
			return outcome{errs: []error{err}}
		}
		return outcome{entries: []*parsed{p}}
	case ".yaml", ".yml":
		if len(data) > limits.MaxAdvisoryYAMLBytes {
			return outcome{errs: []error{fmt.Errorf("it has more than %d bytes", limits.MaxAdvisoryYAMLBytes)}}
		}
		var err error
		if data, err = yamlToJSON(data); err != nil {
			return outcome{errs: []error{err}}
		}
	}
	return decode(f.name, data, now)
}

func (im *importer) store(f file, o outcome) error {
	res := &im.result
	res.Ignored += o.ignored
	for format, n := range o.unsupported {
		res.Unsupported[format] += n
	}
	for _, err := range o.errs {
		res.reject(Rejection{File: f.name, Reason: err.Error()})
	}
	for _, p := range o.entries {
		if err := im.entry(f, p); err != nil {
			return fmt.Errorf("import %q: %w", f.name, err)
		}
	}
	return nil
}

func (im *importer) entry(f file, p *parsed) error {
	res := &im.result
	if p.withdrawn {
		res.Withdrawn++
	}
	res.CommitsOnly += p.gitOnly
	res.UnusableVersions += p.unusableVersions
	for _, e := range p.unknownEcosystems {
		res.UnknownEcosystems[e]++
	}
	for _, problem := range p.problems {
		res.reject(Rejection{File: f.name, Entry: p.id, Package: problem.pkg, Reason: problem.reason})
	}
	other := f.other
	if im.opts.SourceName != "" {
		other = im.opts.SourceName
	}
	ecosystem := ""
	if len(p.advisories) > 0 {
		ecosystem = p.advisories[0].ecosystem
	}
	origin := p.originFor(ecosystem, other)
	if p.rating.severity != gatehouse.SeverityUnknown {
		p.detail.VendorSeverity = map[string]gatehouse.Severity{origin.ID: p.rating.severity}
	}
	if p.rating.cvss != (vulndb.CVSS{}) {
		p.detail.CVSS = map[string]vulndb.CVSS{origin.ID: p.rating.cvss}
	}
	e, isNew, err := im.b.Entry(origin.Source, p.id, p.modified, p.detail)
	if err != nil {
		return err
	}
	if !isNew {
		im.older++
		return nil
	}
	e.Names(cmp.Or(p.own, p.id), p.names)
	for _, a := range p.advisories {
		for _, id := range p.ids {
			adv := vulndb.Advisory{
				ID: id, Aliases: p.aliases, Severity: a.severity, FixedVersion: a.fixed, Status: a.status,
				VulnerableVersions: a.vulnerable, PatchedVersions: a.patched, UnaffectedVersions: a.unaffected,
			}
			if vulndb.IsSystem(a.ecosystem) {
				adv.Aliases, adv.Bulletins = nil, p.aliases
			}
			if err := e.Advisory(a.ecosystem, p.originFor(a.ecosystem, other), a.pkg, adv, a.imports...); err != nil {
				return err
			}
		}
	}
	if p.newest.After(res.UpdatedAt) && !p.newest.After(im.opts.Now) {
		res.UpdatedAt = p.newest
	}
	return nil
}

func (r *Result) reject(x Rejection) {
	r.RejectedCount++
	if r.Reasons == nil {
		r.Reasons = map[string]int{}
	}
	r.Reasons[general(x.Reason)]++
	if len(r.Rejected) < maxRejections {
		r.Rejected = append(r.Rejected, x)
	}
}

// variable is what differs between rejections for the same reason.
var variable = regexp.MustCompile(`"[^"]*"|\b[0-9][0-9A-Za-z.]*\b`)

// general is a reason without what it quotes and counts.
func general(reason string) string {
	reason, _, _ = strings.Cut(variable.ReplaceAllString(reason, "…"), "… is no version:")
	if strings.HasSuffix(reason, ": ") {
		reason += "… is no version"
	}
	return reason
}
