package iac

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/checks"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/ignore"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/pipeline"
)

// pipelineChecks has one folder for each check of delivery pipelines.
//
//go:embed pipelines/*/check.rego
var pipelineChecks embed.FS

//go:embed pipelinelib
var pipelineLibrary embed.FS

// loadPipelineChecks reads the checks of delivery pipelines. They are compiled
// when the first pipeline is met.
func loadPipelineChecks(now time.Time) (*checks.Set, error) {
	set, err := checks.Load(pipelineChecks, nil, pipelineLibrary, now)
	if err != nil {
		return nil, fmt.Errorf("of delivery pipelines: %w", err)
	}
	return set, nil
}

// joinDigests makes one digest of several.
func joinDigests(all ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(all, "\n")))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// scanPipeline judges a delivery pipeline.
func (s *scanner) scanPipeline(ctx context.Context, path string, pipe *pipeline.Pipeline, out reporter) error {
	for _, g := range pipe.Gaps {
		out.Gap(gatehouse.Gap{Code: gatehouse.GapUnresolved, Path: path, Line: g.Line, Reason: g.Reason})
	}
	pipe.Strict = s.strict
	value, err := ast.InterfaceToValue(pipe)
	if err != nil {
		return fmt.Errorf("make the input of checks: %w", err)
	}
	return s.evaluate(ctx, subject{typ: pipe.System, input: checks.Pipeline, value: value, path: path, line: pipe.Line}, out)
}

func (s *scanner) scanJenkinsfile(ctx context.Context, f *gatehouse.File, p *gatehouse.Pass) error {
	if bytes.IndexByte(f.Data, 0) >= 0 || !utf8.Valid(f.Data) {
		return errors.New("it is named like a Jenkinsfile, but is no text")
	}
	pipe, err := pipeline.ReadJenkins(f.Data)
	if err != nil {
		return err
	}
	s.prove(typePipeline, p)
	ignores := ignore.NewSet(s.now)
	ignores.Jenkinsfile(f.Path, f.Data)
	defer s.reportIgnores(p, ignores, nil)
	return s.scanPipeline(ctx, f.Path, pipe, s.heeding(newOnce(p), ignores))
}
