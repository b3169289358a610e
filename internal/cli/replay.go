package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	jsonv2 "encoding/json/v2"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/store"
	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/render"
	"github.com/gatehouse-sec/gatehouse/policies"
	"github.com/gatehouse-sec/gatehouse/scanners/secrets"
)

type replayFlags struct {
	check  checkFlags
	report string
	key    string
}

func (a *app) replayCommand() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay SUMMARY [TARGET]",
		Short: "Judge again from what a verdict rests on, and say whether it is the same",
		Long: `replay makes the verdict in SUMMARY (a file that 'gatehouse attest' wrote) again, at
its time, and says whether the statement is the same byte for byte; and if it is
not, what changed.

Without TARGET, the stored report is judged again, which must have the digest that
the summary names. With TARGET, it is scanned again. Give the same policies,
waivers, database and excludes as then: what is not the same is named.

The exit code is 0 if it is the same, 1 if it differs, 2 if something is missing,
and 3 if the policies need what is not in the report. A signature is verified only
with --key.`,
		Example: `  gatehouse replay attestations/app.vsa.dsse.json
  gatehouse replay attestations/app.vsa.dsse.json app --db /var/lib/gatehouse/db --key release.pub`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.replay(cmd.Context(), &f, args) },
	}
	f.check.scanFlags.register(cmd)
	f.check.policyFlags.register(cmd)
	f.check.evidence.register(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.check.waivers, "waivers", "", "waiver file (default: gatehouse.waivers.yaml beside the configuration)")
	fl.StringVar(&f.check.dir, "attestations", "attestations", "directory of attestations, which is left out of TARGET")
	fl.StringVar(&f.check.name, "name", "", "what the artifact is called (default: as in the summary)")
	fl.StringVar(&f.report, "report", "", "the report (default: NAME.report.json beside the summary)")
	fl.StringVar(&f.key, "key", "", "public key that must have signed the summary")
	must(fl.MarkHidden("time"))
	return cmd
}

// recorded is what a summary says, and what it was signed as.
type recorded struct {
	payload   []byte
	statement attest.Statement
	vsa       attest.VSA
}

func (a *app) replay(ctx context.Context, f *replayFlags, args []string) error {
	format := "text"
	if n := len(f.check.outputs); n > 0 {
		format = f.check.outputs[n-1]
	}
	if format != "text" && format != "json" {
		return fmt.Errorf("-o %s: want text or json", format)
	}
	if f.check.time != "" {
		return errors.New("--time is that of the summary")
	}
	rec, err := readSummary(args[0], f.key)
	if err != nil {
		return err
	}
	report, document, err := readReport(f.report, args[0], rec)
	if err != nil && len(args) == 1 {
		return err
	}
	at := rec.vsa.TimeVerified
	if document != nil && document.Verdict != nil && document.Verdict.Time.Truncate(time.Second).Equal(at) {
		at = document.Verdict.Time
	}
	var j *judged
	if len(args) == 2 {
		f.check.time, f.check.outputs, f.check.attest = at.Format(time.RFC3339Nano), nil, true
		f.check.name = cmp.Or(f.check.name, rec.statement.Subject[0].Name)
		j, err = a.judge(ctx, &f.check, args[1:])
	} else {
		j, err = a.judgeAgain(ctx, &f.check, report, at)
	}
	if err != nil {
		return err
	}
	again, err := derive(rec, j)
	if err != nil {
		return err
	}
	differences, err := compareSummaries(rec, again)
	if err != nil {
		return err
	}
	same := bytes.Equal(rec.payload, again.payload)
	if err := a.writeReplay(format, f.key, args[0], rec, again, same, differences); err != nil {
		return err
	}
	if !same {
		return silently(exitFail)
	}
	return nil
}

// readSummary finds the one verification summary in a file.
func readSummary(name, keyFile string) (*recorded, error) {
	data, err := config.ReadBounded(name, limits.MaxAttestationBytes)
	if err != nil {
		return nil, fmt.Errorf("read the summary: %w", err)
	}
	all, err := attest.ParseFile(name, data)
	if err != nil {
		return nil, err
	}
	var found *recorded
	for _, one := range all {
		// A verdict that is no pass is in an envelope of another type.
		e, _, err := one.Parse()
		if len(e.Payload) == 0 {
			return nil, fmt.Errorf("%s: %w", one.Origin, err)
		}
		s, err := attest.ParseStatement(e.Payload)
		if err != nil || s.PredicateType != attest.PredicateVSA {
			continue
		}
		v, err := attest.ParseVSA(s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.Origin, err)
		}
		if found != nil {
			return nil, fmt.Errorf("%s has several verification summaries: give one of them", name)
		}
		if keyFile != "" {
			if err := signedBy(e, keyFile); err != nil {
				return nil, fmt.Errorf("%s: %w", one.Origin, err)
			}
		}
		found = &recorded{e.Payload, s, v}
	}
	switch {
	case found == nil:
		return nil, fmt.Errorf("%s has no verification summary", name)
	case found.vsa.Inputs == nil || found.vsa.TimeVerified.IsZero():
		return nil, fmt.Errorf("the summary in %s does not say what the verdict rests on, so it cannot be made again: gatehouse did not make it", name)
	}
	return found, nil
}

func signedBy(e attest.Envelope, keyFile string) error {
	key, err := loadPublicKey(keyFile)
	if err != nil {
		return err
	}
	message := attest.PAE(e.PayloadType, e.Payload)
	if !slices.ContainsFunc(e.Signatures, func(s attest.Signature) bool { return key.Verify(message, s.Sig) == nil }) {
		return fmt.Errorf("the summary is not signed with the key in %s", keyFile)
	}
	return nil
}

// readReport reads the report that a summary names by its digest.
func readReport(file, summary string, rec *recorded) (*gatehouse.Report, *render.Document, error) {
	if file == "" {
		base := filepath.Base(summary)
		for _, end := range []string{"." + store.KindSummary + ".dsse.json", "." + store.KindSummary + ".sigstore.json", ".intoto.jsonl", ".verdict.json"} {
			if name, ok := strings.CutSuffix(base, end); ok {
				file = filepath.Join(filepath.Dir(summary), name+endReport)
			}
		}
		if file == "" {
			return nil, nil, fmt.Errorf("where the report of %s is cannot be told from its name: pass --report", summary)
		}
	}
	data, err := config.ReadBounded(file, limits.MaxReportBytes)
	if err != nil {
		return nil, nil, fmt.Errorf("read the report: %w; pass --report, or the target to scan it again", err)
	}
	if got := digestOf(data); string(got) != rec.vsa.Inputs.Report {
		return nil, nil, fmt.Errorf("%s is not the report of the summary: its digest is %s, the summary names %s", file, got, rec.vsa.Inputs.Report)
	}
	var document render.Document
	if err := jsonv2.Unmarshal(data, &document, jsonv2.RejectUnknownMembers(true)); err != nil {
		return nil, nil, fmt.Errorf("%s cannot be read as a report of this version: %w", file, err)
	}
	if document.Report == nil {
		return nil, nil, fmt.Errorf("%s has no report", file)
	}
	return document.Report, &document, nil
}

func digestOf(data []byte) attest.Digest {
	sum := sha256.Sum256(data)
	return attest.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// judgeAgain judges a report that was read back.
func (a *app) judgeAgain(ctx context.Context, f *checkFlags, report *gatehouse.Report, at time.Time) (*judged, error) {
	cfg, err := a.loadConfig(".")
	if err != nil {
		return nil, err
	}
	waivers, waiverFile, err := loadWaivers(cfg, f.waivers, ".", at)
	if err != nil {
		return nil, err
	}
	options, err := f.policyFlags.options(cfg)
	if err != nil {
		return nil, err
	}
	set, err := policies.Load(ctx, options)
	if err != nil {
		return nil, err
	}
	if set.NeedsDocuments() {
		return nil, &exitError{exitIncomplete, errors.New("some of the policies judge configuration documents, which are not in the report: name the target, so that it is scanned again")}
	}
	input, err := policies.NewInput(report, at)
	if err != nil {
		return nil, err
	}
	verdict, err := set.Decide(ctx, input, waivers)
	if err != nil {
		return nil, err
	}
	maskVerdict(&verdict, secrets.Mask())
	return &judged{scanned: scanned{report: report}, verdict: verdict, waiverFile: waiverFile}, nil
}

// derive makes the summary anew. What the verdict does not decide, such as where the
// artifact is, is taken from the record.
func derive(rec *recorded, j *judged) (*recorded, error) {
	renderJSON, err := render.ByName("json")
	if err != nil {
		return nil, err
	}
	var document bytes.Buffer
	if err := renderJSON(&document, render.Input{Report: j.report, Verdict: &j.verdict, PathPrefix: j.prefix}); err != nil {
		return nil, err
	}
	subjects, err := subjectsOf(j.report, rec.statement.Subject[0].Name)
	if err != nil {
		return nil, err
	}
	policyURI := rec.vsa.Policy.URI
	if strings.HasPrefix(policyURI, policyURN) {
		policyURI = policyURN + j.verdict.Policy.Digest
	}
	s, err := attest.NewVSA(j.report, &j.verdict, attest.VSAOptions{
		Subject: subjects, ResourceURI: rec.vsa.ResourceURI, VerifierID: rec.vsa.Verifier.ID, PolicyURI: policyURI, ReportDigest: digestOf(document.Bytes()),
	})
	if err != nil {
		return nil, err
	}
	payload, err := s.Marshal()
	if err != nil {
		return nil, err
	}
	v, err := attest.ParseVSA(s)
	return &recorded{payload, s, v}, err
}

// policyURN starts the URI of policies that have none.
const policyURN = "urn:gatehouse:policy:"

// difference is something that is not as it was recorded.
type difference struct {
	What     string `json:"what"`
	Recorded string `json:"recorded"`
	Again    string `json:"again"`
}

// compareSummaries names what differs, most telling first.
func compareSummaries(was, is *recorded) ([]difference, error) {
	out := []difference{}
	add := func(what string, a, b any) error {
		x, err := plainValue(a)
		if err != nil {
			return err
		}
		y, err := plainValue(b)
		if err == nil && x != y {
			out = append(out, difference{what, x, y})
		}
		return err
	}
	a, b := was.vsa, is.vsa
	ai, bi := a.Inputs, b.Inputs
	pairs := []struct {
		what string
		a, b any
	}{
		{"outcome", a.Outcome, b.Outcome},
		{"levels", a.VerifiedLevels, b.VerifiedLevels},
		{"policy digest", a.Policy.SHA256(), b.Policy.SHA256()},
		{"waivers", a.Waivers, b.Waivers},
		{"version of the verifier", a.Verifier.Version, b.Verifier.Version},
		{"digest of the target", ai.Target, bi.Target},
		{"subject", was.statement.Subject, is.statement.Subject},
		{"coverage", a.Coverage, b.Coverage},
		{"input attestations", a.InputAttestations, b.InputAttestations},
	}
	for _, p := range pairs {
		if err := add(p.what, p.a, p.b); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(merged(ai.Databases, bi.Databases))) {
		if err := add("database of "+name, ai.Databases[name], bi.Databases[name]); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(merged(ai.Scanners, bi.Scanners))) {
		if err := add("scanner "+name, ai.Scanners[name], bi.Scanners[name]); err != nil {
			return nil, err
		}
	}
	if err := add("report", ai.Report, bi.Report); err != nil {
		return nil, err
	}
	if len(out) == 0 && !reflect.DeepEqual(was.payload, is.payload) {
		out = append(out, difference{"another field of the statement", string(digestOf(was.payload)), string(digestOf(is.payload))})
	}
	return out, nil
}

func merged[V any](a, b map[string]V) map[string]V {
	out := maps.Clone(a)
	if out == nil {
		out = map[string]V{}
	}
	maps.Copy(out, b)
	return out
}

// plainValue is a text as it is, and anything else in JSON; empty is "none".
func plainValue(v any) (string, error) {
	if rv := reflect.ValueOf(v); !rv.IsValid() || rv.IsZero() {
		return "none", nil
	} else if rv.Kind() == reflect.String {
		return rv.String(), nil
	}
	b, err := jsonv2.Marshal(v, jsonv2.Deterministic(true))
	return string(b), err
}

// replayDocument is -o json of replay.
type replayDocument struct {
	Version int  `json:"version"`
	Same    bool `json:"same"`
	// Recorded and Again are the digests of the statements.
	Recorded    attest.Digest `json:"recorded"`
	Again       attest.Digest `json:"again"`
	Signature   string        `json:"signature"`
	Differences []difference  `json:"differences"`
}

func (a *app) writeReplay(format, key, name string, was, is *recorded, same bool, differences []difference) error {
	signature := "not verified: pass --key"
	if key != "" {
		signature = "of " + key
	}
	if format == "json" {
		return printJSON(a.stdout, replayDocument{1, same, digestOf(was.payload), digestOf(is.payload), signature, differences})
	}
	var b strings.Builder
	word := "DIFFERS"
	if same {
		word = "SAME"
	}
	fmt.Fprintf(&b, "%s  %s\n", word, clean(name))
	fmt.Fprintf(&b, "    judged %s at %s: %s\n", clean(was.statement.Subject[0].Name), was.vsa.TimeVerified.UTC().Format(time.RFC3339), clean(was.vsa.Outcome))
	fmt.Fprintf(&b, "    statement %s\n    signature %s\n", digestOf(was.payload), clean(signature))
	for _, d := range differences {
		fmt.Fprintf(&b, "\n    %s\n        recorded  %s\n        again     %s\n", clean(d.What), clean(d.Recorded), clean(d.Again))
	}
	_, err := a.stdout.Write([]byte(b.String()))
	return err
}
