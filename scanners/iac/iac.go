// Package iac finds misconfiguration in Terraform and its plans, CloudFormation,
// Azure Resource Manager, Kubernetes manifests, Helm charts, Docker Compose,
// Dockerfiles, Ansible, Serverless Framework, OpenAPI and delivery pipelines.
//
// Each language has an engine that turns files into the input of checks; the
// checks themselves are Rego (see package checks). An engine that cannot read
// something says so: a file that does not parse has failed, and a module, a
// chart dependency or a check that could not be evaluated is a gap. An engine
// is given a known-bad sample before its first answer is believed.
//
// Comments and annotations in the files can ask for findings not to count. The
// findings are reported all the same, with who asks (see package ignore).
package iac

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	trivychecks "github.com/aquasecurity/trivy-checks"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/internal/filetype"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/checks"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/ignore"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/pipeline"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/terraform"
)

// Name is the name of the scanner.
const Name = "iac"

// version changes when the same files and checks give other results.
const version = "6"

// Options changes what the scanner finds.
type Options struct {
	// Now is the date against which checks hold dates in the configuration,
	// such as the end of a certificate; the time of day is ignored. If it is
	// zero, the few checks that need it are left out.
	Now time.Time
	// StrictPipelines also reports what most delivery pipelines do without
	// harm, such as actions of GitHub itself that are used by tag.
	StrictPipelines bool
	// Helm says how charts are deployed; a chart that it does not name is
	// rendered with its own values.
	Helm []ChartRelease
	// TerraformVars are files of values for the root modules of Terraform, as
	// "-var-file" names them: each wins over those before it.
	TerraformVars []File
	// Checks are files of Rego that the user adds, see [checks.Set.Add].
	Checks []File
}

// File is a file that the user gives.
type File struct {
	Name string // for messages
	Data []byte
}

// overrides are checks that take the place of embedded ones: those that take TLS
// 1.3 for insecure, as it is not 1.2, and one that fails if a Dockerfile declares
// a variable twice; and a library that gives the same answers in a tenth of the time.
//
//go:embed overrides
var overrides embed.FS

// New returns the scanner. Making one reads the metadata of the checks but
// compiles none of them.
func New(opts Options) (*gatehouse.Scanner, error) {
	if !opts.Now.IsZero() {
		opts.Now = opts.Now.UTC().Truncate(24 * time.Hour)
	}
	sets, err := loadSets(opts)
	if err != nil {
		return nil, fmt.Errorf("make the %s scanner: %w", Name, err)
	}
	set, pipelines, own := sets[0], sets[1], sets[2]
	s := newScanner(set, pipelines, own)
	for _, f := range opts.TerraformVars {
		vars, err := terraform.ParseVars(f.Name, f.Data)
		if err != nil {
			return nil, fmt.Errorf("make the %s scanner: %w", Name, err)
		}
		s.vars = append(s.vars, vars)
	}
	s.strict, s.now = opts.StrictPipelines, opts.Now
	s.releases = opts.Helm
	return &gatehouse.Scanner{
		Name: Name,
		Doc: "Misconfiguration of infrastructure as code\n\n" +
			"Evaluates Rego checks over Terraform modules and plans, CloudFormation, Azure Resource Manager, Serverless Framework, " +
			"Kubernetes manifests, rendered Helm charts, Docker Compose, Dockerfiles, Ansible, OpenAPI and delivery pipelines. Nothing is downloaded.",
		Reads:         "Terraform and its plans, CloudFormation, Azure Resource Manager, Kubernetes, Helm, Docker Compose, Dockerfiles, Ansible, Serverless Framework, OpenAPI and delivery pipelines",
		Version:       version,
		RulesDigest:   joinDigests(set.Digest, pipelines.Digest, own.Digest),
		OptionsDigest: opts.digest(),
		Rules:         slices.Concat(rules(set), rules(pipelines), rules(own)),
		Want:          want,
		ScanFile:      s.scanFile,
		Groups:        s.groups,
		ScanGroup:     s.scanGroup,
		Canaries: []gatehouse.Canary{{
			Name: "a Dockerfile that runs as root",
			Path: "Dockerfile",
			Data: func() []byte { return []byte("FROM alpine:3.20\nUSER root\n") },
			Rule: "DS-0002",
		}},
	}, nil
}

// loadSets reads the checks of infrastructure, of pipelines, and of the types
// with a model of our own, with those of the user.
func loadSets(opts Options) (sets [3]*checks.Set, err error) {
	better, err := fs.Sub(overrides, "overrides")
	if err != nil {
		return sets, err
	}
	if sets[0], err = checks.Load(trivychecks.EmbeddedPolicyFileSystem, better, trivychecks.EmbeddedLibraryFileSystem, opts.Now); err != nil {
		return sets, err
	}
	if sets[1], err = loadPipelineChecks(opts.Now); err != nil {
		return sets, err
	}
	if sets[2], err = loadRules(opts.Now); err != nil {
		return sets, err
	}
	var files []checks.File
	for _, f := range opts.Checks {
		files = append(files, checks.File{Name: f.Name, Text: string(f.Data)})
	}
	if len(files) == 0 {
		return sets, nil
	}
	if err := sets[0].Add(files, []checks.Type{checks.Dockerfile, checks.Kubernetes, checks.Cloud}, true); err != nil {
		return sets, err
	}
	return sets, sets[1].Add(files, []checks.Type{checks.Pipeline}, false)
}

func (o Options) digest() string {
	date := ""
	if !o.Now.IsZero() {
		date = o.Now.Format(time.DateOnly)
	}
	text := fmt.Appendf(nil, "now=%s strict=%t", date, o.StrictPipelines)
	for _, f := range o.TerraformVars {
		text = fmt.Appendf(text, " vars=%q", f.Data)
	}
	for _, r := range o.Helm {
		text = fmt.Appendf(text, " helm=%q %s", r.Chart, r.digest())
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func rules(set *checks.Set) []gatehouse.Rule {
	all := make([]gatehouse.Rule, 0, len(set.Checks))
	elsewhere := ignore.NamesElsewhere()
	for _, c := range set.Checks {
		all = append(all, gatehouse.Rule{
			ID: c.ID, Title: c.Title, Kind: gatehouse.KindMisconfiguration, Severity: c.Severity,
			Description: c.Description, Fix: c.Fix, References: c.References, Aliases: slices.Concat(c.Aliases, elsewhere[c.ID]), Judges: kindsOf(c),
		})
	}
	return all
}

// scanner is what the functions of the gatehouse.Scanner share.
type scanner struct {
	checks    *checks.Set
	pipelines *checks.Set
	rules     *checks.Set             // of the types with a model of our own
	strict    bool                    // of pipelines
	vars      []terraform.Vars        // given for root modules, later ones win
	now       time.Time               // against which ends of ignores are held; may be zero
	releases  []ChartRelease          // of charts
	proofs    map[string]func() error // by type: nil if the engine finds its sample
}

// The types of configuration, as they stand in findings.
const (
	typeDockerfile     = "dockerfile"
	typeKubernetes     = "kubernetes"
	typeCloudFormation = "cloudformation"
	typeTerraform      = "terraform"
	typeTerraformPlan  = "terraform-plan"
	typeARM            = "azure-arm"
	typeBicep          = "bicep"
	typeCDK            = "cdk"
	typePulumi         = "pulumi"
	typeHelm           = "helm"
	typeKustomize      = "kustomize"
	// Delivery pipelines have the type of their system; this is that of their engine.
	typePipeline = "pipeline"
)

func want(f gatehouse.FileInfo) gatehouse.Want {
	if otherVars(f.Path) {
		return gatehouse.Want{Skip: "Terraform reads it only if the command line names it, as --tf-vars does here"}
	}
	return gatehouse.Want{Scan: filetype.IsDockerfile(f.Path) || pipeline.IsJenkinsfile(f.Path) || isTerraform(f.Path) || isDocument(f.Path) || isPlanFile(f.Path)}
}

func isDocument(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".yaml", ".yml", ".json", ".template":
		return true
	}
	return false
}

func (s *scanner) scanFile(ctx context.Context, f *gatehouse.File, p *gatehouse.Pass) error {
	switch {
	case filetype.IsDockerfile(f.Path):
		return s.scanDockerfile(ctx, f, p)
	case pipeline.IsJenkinsfile(f.Path):
		return s.scanJenkinsfile(ctx, f, p)
	case isTerraform(f.Path):
		return s.scanTerraformFiles(ctx, map[string]*gatehouse.File{f.Path: f}, p)
	case isPlanFile(f.Path):
		return s.scanPlanFile(ctx, f, p)
	}
	return s.scanDocuments(ctx, f, p)
}

func (s *scanner) scanGroup(ctx context.Context, g *gatehouse.Group, p *gatehouse.Pass) error {
	switch g.Type {
	case typeBicep:
		return s.scanBicep(ctx, g, p)
	case typeCDK:
		return s.scanAssembly(ctx, g, p)
	case typeTerraform:
		return s.scanTerraformFiles(ctx, g.Files, p)
	case typeHelm:
		return s.scanChart(ctx, g, p)
	case typeCalls:
		return s.scanCalls(ctx, g, p)
	case typeParts:
		return s.scanParts(g, p)
	case typeKustomize:
		return s.scanKustomizations(ctx, g, p)
	}
	return errors.New("unknown type of group " + g.Type)
}
