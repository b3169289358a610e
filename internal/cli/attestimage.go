package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/store"
	"github.com/gatehouse-sec/gatehouse/internal/image"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

// attestPlace is where attestations of an artifact are kept.
type attestPlace struct {
	dir  store.Dir
	name string
	// image is set for an image in a registry: there they are attached to it.
	image *store.Registry
}

func newAttestPlace(f attestFlags, name, path string, plainHTTP bool) (attestPlace, error) {
	at := attestPlace{dir: store.Dir(f.dir), name: name}
	if !image.IsRemote(path) {
		return at, nil
	}
	var err error
	at.image, err = store.At(registry.New(registry.Options{PlainHTTP: plainHTTP}), path)
	return at, err
}

// resourceURI is where consumers get the artifact, unless the user says.
func (p attestPlace) resourceURI(path string) string {
	if p.image != nil {
		return p.image.ResourceURI()
	}
	return defaultResourceURI(path, p.name)
}

// defaultResourceURI is what consumers can compute from the name alone.
func defaultResourceURI(path, name string) string {
	if image.IsReference(path) {
		return "pkg:oci/" + url.PathEscape(name)
	}
	return "pkg:generic/" + url.PathEscape(name)
}

// attach attaches the bundle to all subjects in the registry, the index last: who
// finds it there finds it everywhere.
func (a *app) attach(ctx context.Context, at attestPlace, s attest.Statement, bundle []byte, now time.Time, supersedes func(attest.Attestation) bool) error {
	if at.image == nil {
		return nil
	}
	for i := len(s.Subject) - 1; i >= 0; i-- {
		subject := s.Subject[i].SHA256()
		if err := at.image.Put(ctx, subject, bundle, now, supersedes); err != nil {
			return err
		}
		a.say("the attestation is attached to %s", subject)
	}
	return nil
}

// detach takes earlier summaries away from an image that did not pass.
func (a *app) detach(ctx context.Context, at attestPlace, s attest.Statement, ours func(attest.Attestation) bool) error {
	if at.image == nil {
		return nil
	}
	for _, r := range s.Subject {
		left, err := at.image.Detach(ctx, r.SHA256(), s.PredicateType, ours)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return fmt.Errorf("the registry does not delete %v, which says that %s passed: delete it, or verifiers believe it until it is too old", left, r.SHA256())
		}
	}
	return nil
}

// speaksFor reports whether an attestation is a summary of the verifier, or no summary.
func speaksFor(verifierID string, old attest.Attestation) bool {
	_, statement, err := old.Parse()
	if err != nil {
		return false
	}
	if statement.PredicateType != attest.PredicateVSA {
		return true
	}
	summary, err := attest.ParseVSA(statement)
	return err == nil && summary.Verifier.ID == verifierID
}

// imageDigests is a report that only says which image it is about.
func imageDigests(ctx context.Context, f *scanFlags, ref string) (*gatehouse.Report, error) {
	root, err := image.Open(ctx, ref, registry.New(registry.Options{PlainHTTP: f.image.plainHTTP}), image.Selection{Platform: f.image.platform})
	if err != nil {
		return nil, err
	}
	var parts []*gatehouse.Report
	var names []string
	for _, img := range root.Images {
		part := &gatehouse.Report{Target: gatehouse.TargetInfo{Kind: gatehouse.TargetImage, Name: ref}}
		img.Files(nil).Attribute(part, nil, func(s string) string { return s })
		names, parts = append(names, img.Platform), append(parts, part)
	}
	report, err := joinImages(root, ref, names, parts, nil)
	return report, errors.Join(err, root.Close())
}
