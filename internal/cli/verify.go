package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/sigstore"
	"github.com/gatehouse-sec/gatehouse/attest/store"
	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/image"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

type verifyFlags struct {
	scanFlags
	policy       string
	key          string
	verifierID   string
	levels       []string
	maxAge       string
	trustedRoot  string
	dir          string
	files        []string
	name         string
	resourceURIs []string
	subjects     []string
	output       string
	plainHTTP    bool
}

func (a *app) verifyCommand() *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify [PATH | IMAGE] --policy FILE | --key KEY",
		Short: "Decide whether an artifact has the attestations that it needs",
		Long: `verify looks for attestations of PATH (default: the current directory) or IMAGE,
verifies each step by step, and says which are missing or refused, and why. The
exit code is 0 if all that the policy asks for is there, 1 if not, and 2 if the
question cannot be answered.

IMAGE is registry/repository:tag or registry/repository@sha256:…; its registry is
asked for the image and its attestations. No other connection is made.

What is asked for stands in a policy file:

  authorities:
    - name: release
      keys: [{file: release.pub}]
      verifiers: [https://ci.example/gate]
  require:
    - predicate_type: vsa
      authorities: [release]
      levels: [GATEHOUSE_POLICY_PASSED]
      max_age: 7d

or, for one summary and one key, in flags.`,
		Example: `  gatehouse verify . --key release.pub
  gatehouse verify app.tar.gz --policy verify.yaml --attestation app.intoto.jsonl
  gatehouse verify registry.example/team/app:1.2 --policy verify.yaml
  gatehouse verify . --key release.pub --level GATEHOUSE_SECRETS_CLEAN --max-age 24h -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.verify(cmd.Context(), &f, args) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.policy, "policy", "", "file that says what must be attested, and by whom")
	fl.StringVar(&f.key, "key", "", "public key of the only authority, instead of --policy")
	fl.StringVar(&f.verifierID, "verifier-id", defaultVerifierID, "with --key: for which verifier it may speak")
	fl.StringSliceVar(&f.levels, "level", []string{attest.LevelPassed}, "with --key: levels that the summary must have")
	fl.StringVar(&f.maxAge, "max-age", "7d", "with --key: how old the summary may be")
	fl.StringVar(&f.trustedRoot, "trusted-root", "", "trusted root of sigstore in JSON (default: what the policy names)")
	fl.StringVar(&f.dir, "attestations", "attestations", "directory of attestations")
	fl.StringArrayVar(&f.files, "attestation", nil, "file with attestations, instead of the directory; repeatable")
	fl.StringVar(&f.name, "name", "", "what the artifact is called (default: the name of the target)")
	fl.StringArrayVar(&f.resourceURIs, "resource-uri", nil, "where the artifact was got (default pkg:generic/NAME); repeatable")
	fl.StringArrayVar(&f.subjects, "subject-digest", nil, "ALGORITHM:VALUE of the artifact, which is not read then; needs --attestation; repeatable")
	fl.StringArrayVar(&f.exclude, "exclude", nil, "leave out what this glob matches, as when it was attested; repeatable")
	fl.StringVar(&f.time, "time", "", "time of the decision, as RFC 3339 (default now)")
	fl.BoolVar(&f.plainHTTP, "plain-http", false, "reach the registry without TLS")
	fl.StringVarP(&f.output, "output", "o", "text", "text or json")
	must(cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp)))
	cmd.MarkFlagsMutuallyExclusive("policy", "key")
	for _, name := range []string{"verifier-id", "level", "max-age"} {
		cmd.MarkFlagsMutuallyExclusive("policy", name)
	}
	return cmd
}

func (a *app) verify(ctx context.Context, f *verifyFlags, args []string) error {
	if f.output != "text" && f.output != "json" {
		return fmt.Errorf("-o %s: want text or json", f.output)
	}
	if f.policy == "" && f.key == "" {
		return errors.New("it is not said what must be attested: pass --policy FILE, or --key KEY for one summary by one key")
	}
	path, _ := targetArg(args)
	if len(f.subjects) > 0 {
		if len(args) > 0 || len(f.files) == 0 {
			return errors.New("--subject-digest takes the place of PATH, and needs --attestation")
		}
		path = strings.Join(f.subjects, ", ")
	}
	now, err := a.verifyTime(f)
	if err != nil {
		return err
	}
	verifier, err := a.verifier(f, now)
	if err != nil {
		return err
	}
	artifact, found, err := a.artifact(ctx, f, path)
	if err != nil {
		return err
	}
	summary, err := verifier.Verify(ctx, artifact, found)
	if err != nil {
		return err
	}
	if err := a.writeSummary(f.output, path, summary); err != nil {
		return err
	}
	if !summary.Passed() {
		return silently(exitFail)
	}
	return nil
}

// artifact is what is to be verified, and the attestations that there are.
func (a *app) artifact(ctx context.Context, f *verifyFlags, path string) (attest.Artifact, []attest.Attestation, error) {
	if len(f.subjects) > 0 {
		return f.namedArtifact(ctx)
	}
	if image.IsRemote(path) {
		return a.imageArtifact(ctx, f, path)
	}
	report, err := a.digestTarget(ctx, &f.scanFlags, path, f.dir)
	if err != nil {
		return attest.Artifact{}, nil, err
	}
	name := cmp.Or(f.name, artifactName(path))
	subjects, err := subjectsOf(report, name)
	if err != nil {
		return attest.Artifact{}, nil, err
	}
	artifact := attest.Artifact{Digest: subjects[0].SHA256(), ResourceURIs: f.resourceURIs}
	if len(artifact.ResourceURIs) == 0 {
		artifact.ResourceURIs = []string{defaultResourceURI(path, name)}
	}
	found, err := f.attestations(ctx, artifact.Digest)
	if file, ok := store.Dir(f.dir).Verdict(name); ok && err == nil && len(f.files) == 0 {
		a.say("the last verdict on %s is no pass: see %s", name, file)
	}
	return artifact, found, err
}

// namedArtifact is one of which only digests are known.
func (f *verifyFlags) namedArtifact(ctx context.Context) (attest.Artifact, []attest.Attestation, error) {
	artifact := attest.Artifact{ResourceURIs: f.resourceURIs}
	for _, text := range f.subjects {
		if !strings.HasPrefix(text, "sha256:") || artifact.Digest != "" {
			artifact.Others = append(artifact.Others, text)
			continue
		}
		d, err := attest.ParseDigest(text)
		if err != nil {
			return artifact, nil, fmt.Errorf("--subject-digest: %w", err)
		}
		artifact.Digest = d
	}
	found, err := f.attestations(ctx, artifact.Digest)
	return artifact, found, err
}

// imageArtifact resolves the image to its digest, once; everything after is about
// that digest.
func (a *app) imageArtifact(ctx context.Context, f *verifyFlags, image string) (attest.Artifact, []attest.Attestation, error) {
	client := registry.New(registry.Options{PlainHTTP: f.plainHTTP})
	attached, digest, err := store.Open(ctx, client, image)
	if err != nil {
		return attest.Artifact{}, nil, err
	}
	artifact := attest.Artifact{Digest: digest, ResourceURIs: f.resourceURIs}
	if len(artifact.ResourceURIs) == 0 {
		artifact.ResourceURIs = []string{attached.ResourceURI()}
	}
	if len(f.files) > 0 {
		found, err := f.attestations(ctx, digest)
		return artifact, found, err
	}
	found, err := attached.Attestations(ctx, digest)
	if a.verbose {
		a.say("%d requests to registries", client.Requests())
	}
	return artifact, found, err
}

func (a *app) verifyTime(f *verifyFlags) (time.Time, error) {
	if f.time == "" {
		return a.now(), nil
	}
	t, err := config.ParseTime(f.time)
	if err != nil {
		return t, fmt.Errorf("--time: %w", err)
	}
	return t, nil
}

// verifier is made of the policy file, or of the flags.
func (a *app) verifier(f *verifyFlags, now time.Time) (*attest.Verifier, error) {
	clock := func() time.Time { return now }
	var policy attest.Policy
	root := f.trustedRoot
	if f.policy != "" {
		data, err := config.ReadBounded(f.policy, limits.MaxPolicyFileBytes)
		if err != nil {
			return nil, fmt.Errorf("read the policy: %w", err)
		}
		beside := func(name string) string {
			if filepath.IsAbs(name) {
				return name
			}
			return filepath.Join(filepath.Dir(f.policy), name)
		}
		var named string
		policy, named, err = attest.ParsePolicy(f.policy, data, func(name string) ([]byte, error) {
			return config.ReadBounded(beside(name), limits.MaxKeyBytes)
		})
		if err != nil {
			return nil, err
		}
		if root == "" && named != "" {
			root = beside(named)
		}
	} else {
		key, err := loadPublicKey(f.key)
		if err != nil {
			return nil, err
		}
		age, err := attest.ParseAge(f.maxAge)
		if err != nil {
			return nil, fmt.Errorf("--max-age: %w", err)
		}
		policy = attest.Policy{
			Authorities: []attest.Authority{{Name: filepath.Base(f.key), Keys: []attest.Key{{PublicKey: key}}, Verifiers: []string{f.verifierID}}},
			Require: []attest.Requirement{{
				PredicateType: attest.PredicateVSA, Authorities: []string{filepath.Base(f.key)}, MaxAge: age,
				Summary: &attest.SummaryRequirement{Levels: f.levels},
			}},
		}
	}
	if root == "" {
		return attest.NewVerifier(policy, nil, clock)
	}
	text, err := config.ReadBounded(root, limits.MaxTrustedRootBytes)
	if err != nil {
		return nil, fmt.Errorf("read the trusted root: %w", err)
	}
	bundles, err := sigstore.NewVerifier(text, clock)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", root, err)
	}
	return attest.NewVerifier(policy, bundles, clock)
}

// attestations reads the files that are named, or the directory.
func (f *verifyFlags) attestations(ctx context.Context, digest attest.Digest) ([]attest.Attestation, error) {
	if len(f.files) == 0 {
		if _, err := os.Stat(f.dir); errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("there is no directory %s: name the attestations with --attestations DIR or --attestation FILE", f.dir)
		}
		return store.Dir(f.dir).Attestations(ctx, digest)
	}
	var out []attest.Attestation
	for _, name := range f.files {
		data, err := config.ReadBounded(name, limits.MaxAttestationBytes)
		if err != nil {
			return nil, fmt.Errorf("read the attestation: %w", err)
		}
		found, err := attest.ParseFile(name, data)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// summaryDocument is -o json of verify.
type summaryDocument struct {
	Version int  `json:"version"`
	Passed  bool `json:"passed"`
	attest.Summary
}

func (a *app) writeSummary(format, path string, s attest.Summary) error {
	if format == "json" {
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(summaryDocument{1, s.Passed(), s})
	}
	word := "FAIL"
	if s.Passed() {
		word = "PASS"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", word, clean(path))
	if s.Subject != "" {
		fmt.Fprintf(&b, "      %s\n", s.Subject)
	}
	for _, r := range s.Requirements {
		mark := "missing"
		if r.Met {
			mark = "ok     "
		}
		fmt.Fprintf(&b, "\n%s  %s\n         %s\n", mark, clean(r.PredicateType), clean(r.Reason))
		for _, v := range r.Verified {
			fmt.Fprintf(&b, "         accepted: %s, signed by %s", clean(v.Origin), clean(v.Signer))
			if !v.Time.IsZero() {
				fmt.Fprintf(&b, " at %s", v.Time.UTC().Format(time.RFC3339))
			}
			b.WriteByte('\n')
		}
		for _, refused := range r.Refused {
			fmt.Fprintf(&b, "         refused at step %s: %s: %s\n", refused.Step, clean(refused.Origin), clean(refused.Reason))
		}
		if !r.Met {
			fmt.Fprintf(&b, "         next: %s\n", next(r))
		}
	}
	_, err := a.stdout.Write([]byte(b.String()))
	return err
}

// clean keeps what a stranger wrote from steering a terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, s)
}

// next says what would change the answer.
func next(r attest.RequirementResult) string {
	if len(r.Refused) == 0 {
		if r.PredicateType == attest.PredicateVSA {
			return "judge and sign the artifact: gatehouse attest PATH --key KEY"
		}
		return "sign one: gatehouse attest PATH --key KEY --predicate FILE --type " + clean(r.PredicateType)
	}
	switch r.Refused[0].Step {
	case attest.StepSignature:
		return "have it signed by an authority of the policy, or name the right key or identity"
	case attest.StepSubject:
		return "the artifact changed after it was attested, or was read with other excludes: attest it again"
	case attest.StepVerifier:
		return "give the verifier id of the summary to the authority, if it may speak for it"
	case attest.StepResource:
		return "pass --resource-uri with where the artifact comes from"
	case attest.StepResult, attest.StepLevels:
		return "see the report for what was found or not looked at, and judge again"
	case attest.StepAge:
		return "judge the artifact again: gatehouse attest PATH --key KEY"
	case attest.StepPolicyDigest:
		return "judge it with a policy that is allowed, or add the digest to policy_digests"
	}
	return "the file is damaged or no attestation: get it again"
}
