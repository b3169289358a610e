package iac

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	dockerfile "github.com/aquasecurity/trivy/pkg/iac/scanners/dockerfile/parser"
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/checks"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/ignore"
)

func (s *scanner) scanDockerfile(ctx context.Context, f *gatehouse.File, p *gatehouse.Pass) error {
	if bytes.IndexByte(f.Data, 0) >= 0 || !utf8.Valid(f.Data) {
		return errors.New("it is named like a Dockerfile, but is no text")
	}
	parsed, err := dockerfile.NewParser().Parse(ctx, bytes.NewReader(f.Data), f.Path)
	if err != nil {
		return err
	}
	ignores := ignore.NewSet(s.now)
	ignores.Dockerfile(f.Path, f.Data)
	defer s.reportIgnores(p, ignores, nil)
	out := s.heeding(newOnce(p), ignores)
	for _, d := range parsed {
		if len(d.Stages) == 0 {
			return errors.New("it is named like a Dockerfile, but has no FROM instruction")
		}
		value, err := ast.InterfaceToValue(d.ToRego())
		if err != nil {
			return fmt.Errorf("make the input of checks: %w", err)
		}
		sub := subject{typ: typeDockerfile, input: checks.Dockerfile, value: value, path: f.Path}
		if err := s.evaluate(ctx, sub, out); err != nil {
			return err
		}
	}
	return nil
}
