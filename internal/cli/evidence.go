package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/layout"
	"github.com/gatehouse-sec/gatehouse/attest/store"
	"github.com/gatehouse-sec/gatehouse/internal/image"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

// evidenceFlags say what others attested about the target.
type evidenceFlags struct {
	policy  string
	files   []string
	layouts []string
	layout  layoutFlags
}

func (f *evidenceFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.policy, "verify-policy", "", "file that says what must be attested about the target, and by whom; see 'gatehouse verify'")
	fl.StringArrayVar(&f.files, "attestation", nil, "file with attestations of the target, instead of the directory or what is attached to the image; repeatable")
	fl.StringArrayVar(&f.layouts, "layout", nil, "in-toto layout that the target must have come about by; repeatable")
	f.layout.register(cmd, "layout-")
}

// addEvidence verifies attestations and layouts, and puts what was verified into the
// report.
func (a *app) addEvidence(ctx context.Context, f *checkFlags, report *gatehouse.Report, path string, now time.Time) error {
	e := &f.evidence
	switch {
	case e.policy == "" && len(e.files) > 0:
		return errors.New("--attestation needs --verify-policy: without it nobody would know whose attestations count")
	case len(e.layouts) == 0 && len(e.layout.keys)+len(e.layout.inspections) > 0:
		return errors.New("--layout-key and --allow-inspections are for --layout")
	case len(e.layouts) > 0 && len(e.layout.keys) == 0:
		return errors.New("--layout needs --layout-key: without it anybody could have written the layout")
	}
	if e.policy != "" {
		if err := a.addAttestations(ctx, f, report, path, now); err != nil {
			return fmt.Errorf("attestations of %s: %w", path, err)
		}
	}
	for _, file := range e.layouts {
		res, err := a.verifyLayout(ctx, &e.layout, file, path, now)
		if err != nil {
			return err
		}
		report.Layouts = append(report.Layouts, layoutOutcome(file, res, report))
	}
	return nil
}

func (a *app) addAttestations(ctx context.Context, f *checkFlags, report *gatehouse.Report, path string, now time.Time) error {
	verifier, err := a.verifier(&verifyFlags{policy: f.evidence.policy}, now)
	if err != nil {
		return err
	}
	name := f.name
	if name == "" {
		name = artifactName(path)
	}
	subjects, err := subjectsOf(report, name)
	if err != nil {
		return err
	}
	artifact := attest.Artifact{Digest: subjects[0].SHA256(), ResourceURIs: []string{defaultResourceURI(path, name)}}
	var found []attest.Attestation
	switch {
	case len(f.evidence.files) > 0:
		found, err = (&verifyFlags{files: f.evidence.files}).attestations(ctx, artifact.Digest)
	case image.IsRemote(path):
		var at *store.Registry
		if at, err = store.At(registry.New(registry.Options{PlainHTTP: f.image.plainHTTP}), path); err != nil {
			return err
		}
		artifact.ResourceURIs = []string{at.ResourceURI()}
		found, err = at.Attestations(ctx, artifact.Digest)
	default:
		if _, missing := os.Stat(f.dir); !errors.Is(missing, os.ErrNotExist) {
			found, err = store.Dir(f.dir).Attestations(ctx, artifact.Digest)
		}
	}
	if err != nil {
		return err
	}
	if f.resourceURI != "" {
		artifact.ResourceURIs = []string{f.resourceURI}
	}
	summary, err := verifier.Verify(ctx, artifact, found)
	if err != nil {
		return err
	}
	for _, r := range summary.Requirements {
		report.RequiredAttestations = append(report.RequiredAttestations, gatehouse.RequiredAttestation{PredicateType: r.PredicateType, Met: r.Met, Reason: clean(r.Reason)})
		for _, v := range r.Verified {
			one := verifiedAttestation(v)
			if !slices.ContainsFunc(report.Attestations, func(a gatehouse.Attestation) bool { return a.Digest == one.Digest && a.Authority == one.Authority }) {
				report.Attestations = append(report.Attestations, one)
			}
		}
	}
	return nil
}

func verifiedAttestation(v attest.Verified) gatehouse.Attestation {
	a := gatehouse.Attestation{
		PredicateType: v.Statement.PredicateType, Predicate: gatehouse.RawJSON(v.Statement.Predicate),
		Authority: v.Authority, Signer: v.Signer, Digest: string(v.Digest), Origin: v.Origin,
	}
	if !v.Time.IsZero() {
		a.Time = v.Time.UTC().Format(time.RFC3339)
	}
	return a
}

func layoutOutcome(path string, res layout.Result, report *gatehouse.Report) gatehouse.Layout {
	out := gatehouse.Layout{Path: path, Digest: string(res.Digest), Passed: res.Passed(), Owners: append([]string{}, res.Owners...),
		Steps: []gatehouse.LayoutStep{}, Problems: []string{}, Links: []string{}}
	for _, p := range res.Problems {
		out.Problems = append(out.Problems, clean(p))
	}
	for _, s := range res.Steps {
		out.Steps = append(out.Steps, gatehouse.LayoutStep{Name: s.Name, Met: s.Met, Functionaries: s.Functionaries, Threshold: s.Threshold})
	}
	for _, l := range res.Links {
		out.Links = append(out.Links, string(l))
	}
	if why := notProduced(res, report); why != "" {
		out.Passed = false
		out.Problems = append(out.Problems, why)
	}
	return out
}
