package iac

import (
	"context"

	"github.com/gatehouse-sec/gatehouse"
)

func chartGroups([]gatehouse.FileInfo) []gatehouse.Group { return nil }

func (s *scanner) scanChart(ctx context.Context, g *gatehouse.Group, p *gatehouse.Pass) error {
	return nil
}
