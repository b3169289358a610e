package iac

import (
	"slices"

	"github.com/gatehouse-sec/gatehouse"
)

// groups finds the files that belong together. A file of a chart belongs to
// the chart alone.
func (s *scanner) groups(files []gatehouse.FileInfo) []gatehouse.Group {
	all := s.chartGroups(files)
	if g, ok := kustomizeGroup(files, all); ok {
		all = append(all, g)
	}
	all = append(all, assemblyGroups(files)...)
	if g, ok := bicepGroup(files); ok {
		all = append(all, g)
	}
	if g, ok := terraformGroup(files); ok {
		all = append(all, g)
	}
	return slices.Concat(all, callGroups(files), partGroups(files))
}
