package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json/jsontext"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/sign"
	"github.com/gatehouse-sec/gatehouse/attest/store"
	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/image"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/render"
	"github.com/gatehouse-sec/gatehouse/internal/vex"
)

// defaultVerifierID is the id of the verifier in summaries unless another is given.
const defaultVerifierID = "https://github.com/gatehouse-sec/gatehouse"

// attestFlags say how a verdict becomes an attestation.
type attestFlags struct {
	signFlags
	also        []string
	dir         string
	name        string
	resourceURI string
	verifierID  string
	policyURI   string
}

func (f *attestFlags) register(cmd *cobra.Command) {
	f.signFlags.register(cmd)
	fl := cmd.Flags()
	fl.StringSliceVar(&f.also, "also", nil, "attest this beside a pass: "+strings.Join(append(attest.ResultKinds(), slices.Sorted(maps.Keys(sbomKinds))...), ", "))
	fl.StringVar(&f.dir, "attestations", "attestations", "directory of attestations")
	fl.StringVar(&f.name, "name", "", "what the artifact is called in names of files (default: the name of the target)")
	fl.StringVar(&f.resourceURI, "resource-uri", "", "where consumers get the artifact (default pkg:generic/NAME)")
	fl.StringVar(&f.verifierID, "verifier-id", defaultVerifierID, "URI of who decides; consumers pair it with the key")
	fl.StringVar(&f.policyURI, "policy-uri", "", "where the policies are (default: a URN of their digest)")
}

func (a *app) attestCommand() *cobra.Command {
	var f checkFlags
	var at attestFlags
	var predicate, predicateType string
	cmd := &cobra.Command{
		Use:   "attest [PATH] --key KEY | --keyless",
		Short: "Judge, and sign the verdict as an attestation",
		Long: `attest judges PATH (default: the current directory) as check does, and signs the
verdict as a SLSA Verification Summary Attestation. It is the same as
'check --attest', but for --predicate.

A pass is written to the directory of attestations in three forms: a line of
NAME.intoto.jsonl, NAME.vsa.dsse.json and NAME.vsa.sigstore.json. A verdict that
is no pass is written to NAME.verdict.json, in a form that no verifier takes for
an attestation, and a summary of an earlier pass is removed. The report goes to
NAME.report.json; the summary has its digest.

PATH may be an image, as for check. Its index and all its platforms are what is
attested. To an image in a registry, the attestation is attached as well, in the
form that cosign reads, and takes the place of an older one of the same key and
verifier.

With --keyless, the identity of the CI job signs: its token is shown to a
certificate authority (Fulcio), and the signature goes into a transparency log
(Rekor), which everybody can read. With --also, results are attested beside a pass.

With --predicate, the predicate in FILE is signed instead, and nothing is judged.`,
		Example: `  gatehouse attest . --key release.key
  gatehouse attest app.tar.gz --key release.key --resource-uri https://dl.example/app.tar.gz
  gatehouse attest registry.example/team/app:1.2 --keyless --also cosign-vuln
  gatehouse attest app.tar.gz --key release.key --predicate bom.json --type cyclonedx`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if predicate == "" {
				f.attest, f.attestFlags = true, at
				return a.check(cmd, &f, args)
			}
			return a.attestPredicate(cmd.Context(), &f.scanFlags, at, args, predicate, predicateType)
		},
	}
	f.scanFlags.register(cmd)
	f.policyFlags.register(cmd)
	f.evidence.register(cmd)
	cmd.Flags().StringVar(&f.waivers, "waivers", "", "waiver file (default: gatehouse.waivers.yaml beside the configuration)")
	at.register(cmd)
	cmd.Flags().StringVar(&predicate, "predicate", "", "file with a predicate in JSON to sign instead of a verdict")
	cmd.Flags().StringVar(&predicateType, "type", "", "type of the predicate: a URI, or such as cyclonedx, spdxjson, openvex, slsaprovenance1")
	cmd.AddCommand(a.attestLintCommand())
	return cmd
}

// signedStatement is a statement that is ready to be stored.
type signedStatement struct {
	attest.Statement
	kind     string // a short name of the predicate type
	envelope attest.Envelope
	bundle   []byte
}

// attestVerdict signs the verdict and stores it.
func (a *app) attestVerdict(ctx context.Context, f attestFlags, open openSigner, j *judged, path string, plainHTTP bool) error {
	name := cmp.Or(f.name, artifactName(path))
	var report bytes.Buffer
	renderJSON, err := render.ByName("json")
	if err != nil {
		return err
	}
	if err := renderJSON(&report, render.Input{Report: j.report, Verdict: &j.verdict, PathPrefix: j.prefix}); err != nil {
		return err
	}
	sum := sha256.Sum256(report.Bytes())
	subjects, err := subjectsOf(j.report, name)
	if err != nil {
		return err
	}
	at, err := newAttestPlace(f, name, path, plainHTTP)
	if err != nil {
		return err
	}
	opts := attest.VSAOptions{
		Subject:      subjects,
		ResourceURI:  cmp.Or(f.resourceURI, at.resourceURI(path)),
		VerifierID:   f.verifierID,
		PolicyURI:    cmp.Or(f.policyURI, "urn:gatehouse:policy:"+j.verdict.Policy.Digest),
		ReportDigest: attest.Digest("sha256:" + hex.EncodeToString(sum[:])),
	}
	s, err := attest.NewVSA(j.report, &j.verdict, opts)
	if err != nil {
		return err
	}
	list := []signedStatement{{Statement: s, kind: store.KindSummary}}
	if j.verdict.Outcome == gatehouse.OutcomePass {
		more, err := a.results(f.also, j, opts)
		if err != nil {
			return err
		}
		list = append(list, more...)
	}
	signer, err := open(ctx)
	if err != nil {
		return err
	}
	ours := func(old attest.Attestation) bool { return signer.Made(old) && speaksFor(f.verifierID, old) }
	if j.verdict.Outcome != gatehouse.OutcomePass {
		record, err := signer.Verdict(ctx, s)
		if err != nil {
			return err
		}
		file, err := at.dir.PutVerdict(name, record)
		if err != nil {
			return err
		}
		a.say("the verdict is no pass: it is signed in %s, which is no attestation", file)
		if err := a.detach(ctx, at, s, ours); err != nil {
			return err
		}
	} else if err := a.storeStatements(ctx, at, signer, list, j.verdict.Time, ours); err != nil {
		return err
	}
	return writeFile(filepath.Join(f.dir, name+endReport), func(w io.Writer) error {
		_, err := w.Write(report.Bytes())
		return err
	})
}

// results are what is attested beside a pass.
func (a *app) results(kinds []string, j *judged, opts attest.VSAOptions) ([]signedStatement, error) {
	var out []signedStatement
	for _, kind := range kinds {
		var s attest.Statement
		var err error
		format, isSBOM := sbomKinds[kind]
		switch {
		case isSBOM:
			s, err = sbomStatement(kind, format, j, opts)
		case kind == attest.KindOpenVEX:
			waived, errWaived := waivedVulnerabilities(j, nil)
			if errWaived == nil && len(waived) == 0 {
				a.say("no vulnerability is waived, so there is no VEX document to attest")
				continue
			}
			s, err = vexStatement(waived, j, opts)
			err = errors.Join(errWaived, err)
		default:
			s, err = attest.NewResult(kind, j.report, &j.verdict, attest.ResultOptions{
				Subject: opts.Subject, VerifierID: opts.VerifierID, PolicyURI: opts.PolicyURI, Rules: j.rules,
			})
		}
		if err != nil {
			return nil, err
		}
		out = append(out, signedStatement{Statement: s, kind: kind})
	}
	return out, nil
}

func vexStatement(waived []vex.Waived, j *judged, opts attest.VSAOptions) (attest.Statement, error) {
	b, err := vex.Create(waived, vex.CreateOptions{Author: owners(waived), Product: opts.ResourceURI, Time: j.verdict.Time, Tool: tool().Name + " " + tool().Version})
	if err != nil {
		return attest.Statement{}, err
	}
	return attest.NewStatement(opts.Subject, attest.PredicateOpenVEX, jsontext.Value(b))
}

// storeStatements signs all statements, and then stores them, so that nothing is
// stored if one cannot be signed. What supersedes accepts goes from the registry;
// nil keeps everything there.
func (a *app) storeStatements(ctx context.Context, at attestPlace, signer *sign.Signer, list []signedStatement, now time.Time, supersedes func(attest.Attestation) bool) error {
	for i := range list {
		var err error
		if list[i].envelope, list[i].bundle, err = signer.Attest(ctx, list[i].Statement); err != nil {
			return err
		}
	}
	for _, s := range list {
		files, err := at.dir.Put(at.name, s.kind, s.envelope, s.bundle)
		if err != nil {
			return err
		}
		a.say("the attestation is in %s", strings.Join(files, ", "))
		if err := a.attach(ctx, at, s.Statement, s.bundle, now, supersedes); err != nil {
			return err
		}
	}
	return nil
}

// attestPredicate signs a predicate that somebody else made.
func (a *app) attestPredicate(ctx context.Context, scan *scanFlags, f attestFlags, args []string, file, kind string) error {
	if kind == "" {
		return errors.New("--predicate needs --type, such as cyclonedx")
	}
	if len(f.also) > 0 {
		return errors.New("--also is about a verdict, and with --predicate nothing is judged: leave one of them out")
	}
	uri, err := attest.PredicateType(kind)
	if err != nil {
		return err
	}
	if uri == attest.PredicateVSA {
		return errors.New("a verification summary is made of a verdict: leave --predicate out")
	}
	data, err := config.ReadBounded(file, limits.MaxAttestationBytes)
	if err != nil {
		return fmt.Errorf("read the predicate: %w", err)
	}
	if !jsontext.Value(data).IsValid() {
		return fmt.Errorf("the predicate in %s is not JSON, or has a key twice", file)
	}
	open, err := a.signer(ctx, f.signFlags)
	if err != nil {
		return err
	}
	path, _ := targetArg(args)
	report, err := a.digestTarget(ctx, scan, path, f.dir)
	if err != nil {
		return err
	}
	name := cmp.Or(f.name, artifactName(path))
	subjects, err := subjectsOf(report, name)
	if err != nil {
		return err
	}
	at, err := newAttestPlace(f, name, path, scan.image.plainHTTP)
	if err != nil {
		return err
	}
	s, err := attest.NewStatement(subjects, uri, jsontext.Value(data))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if uri == kind { // a URI is no name of a file
		kind = "predicate-" + shortHash(uri)
	}
	signer, err := open(ctx)
	if err != nil {
		return err
	}
	return a.storeStatements(ctx, at, signer, []signedStatement{{Statement: s, kind: kind}}, a.now(), nil)
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}

// digestTarget reads the target, to know its digest, and looks for nothing in it.
func (a *app) digestTarget(ctx context.Context, f *scanFlags, path, attestations string) (*gatehouse.Report, error) {
	_, dir := targetArg([]string{path})
	cfg, err := a.loadConfig(dir)
	if err != nil {
		return nil, err
	}
	if err := f.apply(cfg); err != nil {
		return nil, err
	}
	if image.IsReference(path) {
		return imageDigests(ctx, f, path)
	}
	if err := leaveOutAttestations(cfg, path, attestations); err != nil {
		return nil, err
	}
	target, err := gatehouse.OpenTarget(path)
	if err != nil {
		return nil, err
	}
	defer target.Close()
	reader := &gatehouse.Scanner{
		Name: "digest", Doc: "Reads files", Reads: "all files", Version: "1",
		Want:     func(gatehouse.FileInfo) gatehouse.Want { return gatehouse.Want{} },
		ScanFile: func(context.Context, *gatehouse.File, *gatehouse.Pass) error { return nil },
	}
	report, err := gatehouse.Scan(ctx, target, []*gatehouse.Scanner{reader}, gatehouse.ScanOptions{Tool: tool(), Exclude: cfg.Excluder(), MaxFileBytes: cfg.Limits.MaxFileBytes})
	if err != nil {
		return nil, err
	}
	for _, gap := range report.Coverage.Gaps {
		if gap.Code == gatehouse.GapUnreadable {
			return nil, fmt.Errorf("the digest of %s cannot be computed: %s: %s", path, gap.Path, gap.Reason)
		}
	}
	return report, nil
}

// subjectsOf is what was scanned: for a file its own digest, for a directory that of
// the listing of all files; see [gatehouse.TargetInfo]. An image has that of its
// index and of its manifest for each platform.
func subjectsOf(r *gatehouse.Report, name string) ([]attest.ResourceDescriptor, error) {
	digests := []string{r.Target.Digest}
	switch r.Target.Kind {
	case gatehouse.TargetFile:
		if len(r.Coverage.Files) != 1 || r.Coverage.Files[0].SHA256 == "" {
			return nil, fmt.Errorf("the file %s was not read as a whole, so it has no digest", r.Target.Name)
		}
		digests[0] = "sha256:" + r.Coverage.Files[0].SHA256
	case gatehouse.TargetImage:
		if r.Target.Image.Made {
			return nil, fmt.Errorf("%s was written by a docker save that keeps no manifest, so it is not known which digest the image has in a registry: attest it there, or as an OCI archive", r.Target.Name)
		}
		for _, p := range r.Target.Image.Platforms {
			if !slices.Contains(digests, p.Digest) {
				digests = append(digests, p.Digest)
			}
		}
	}
	var out []attest.ResourceDescriptor
	for _, digest := range digests {
		d, err := attest.ParseDigest(digest)
		if err != nil {
			return nil, err
		}
		out = append(out, attest.ResourceDescriptor{Name: name, Digest: map[string]string{"sha256": d.Hex()}})
	}
	return out, nil
}

// artifactName is the last part of the path, that of the directory for ".", or of
// the repository of an image.
func artifactName(path string) string {
	if image.IsReference(path) {
		return image.Repository(path)
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return filepath.Base(path)
}

// leaveOutAttestations excludes the files of the directory of attestations, if it is
// in the target: the digest of the target would change with each of them.
func leaveOutAttestations(cfg *config.Config, target, dir string) error {
	if image.IsReference(target) {
		return nil
	}
	root, err := filepath.Abs(target)
	if err != nil {
		return err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(root, abs)
	if err != nil || !filepath.IsLocal(rel) {
		return nil
	}
	for _, end := range append(store.Ends(), endReport) {
		cfg.Exclude = append(cfg.Exclude, config.Exclude{Path: filepath.ToSlash(filepath.Join(rel, "*"+end)), Reason: "attestations of the target itself"})
	}
	return nil
}

// endReport ends the name of the report that a summary has the digest of.
const endReport = ".report.json"
