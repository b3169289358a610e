package iac

import (
	"bytes"
	"context"
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/checks"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/ansible"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/arm"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/compose"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/openapi"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/plan"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/serverless"
)

// format is a type of document beside Kubernetes, CloudFormation and pipelines.
type format struct {
	typ string
	// is reports whether a document is of the type.
	is func(name string, doc *yaml.Node) bool
	// sign reports whether a text may hold such a document. It errs on the side
	// of yes.
	sign func(name string, data []byte) bool
	// likely reports whether a text that cannot be parsed is meant to be one.
	likely func(name string, data []byte) bool
	scan   func(ctx context.Context, f *gatehouse.File, doc *yaml.Node, out reporter) error
}

var (
	composeServices = regexp.MustCompile(`(?m)^services:\s*(#.*)?$`)
	openapiVersion  = regexp.MustCompile(`(?m)^[\s{]*"?(openapi|swagger)"?\s*:\s*["']?(3\.|2\.0)`)
	ansiblePlay     = regexp.MustCompile(`(?m)^(- |  )hosts:`)
)

func isYAML(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".yml" || ext == ".yaml"
}

// formats are the types in the order in which a document is tried.
func (s *scanner) formats() []format {
	return []format{
		{
			typ: typeTerraformPlan,
			is:  func(_ string, doc *yaml.Node) bool { return plan.Is(doc) },
			sign: func(_ string, data []byte) bool {
				return bytes.Contains(data, []byte("format_version")) && hasAny(data, "planned_values", "resource_changes")
			},
			likely: func(_ string, data []byte) bool {
				return bytes.Contains(data, []byte(`"format_version"`)) && hasAny(data, `"planned_values"`, `"resource_changes"`)
			},
			scan: func(ctx context.Context, f *gatehouse.File, doc *yaml.Node, out reporter) error {
				return s.scanPlan(ctx, f.Path, doc, out)
			},
		},
		{
			typ:    typeARM,
			is:     func(_ string, doc *yaml.Node) bool { return arm.Is(doc) },
			sign:   func(_ string, data []byte) bool { return arm.IsLikely(data) },
			likely: func(_ string, data []byte) bool { return arm.IsLikely(data) },
			scan: func(ctx context.Context, f *gatehouse.File, doc *yaml.Node, out reporter) error {
				return s.scanARM(ctx, f.Path, doc, out)
			},
		},
		{
			typ: string(checks.OpenAPI),
			is:  func(_ string, doc *yaml.Node) bool { return openapi.Is(doc) },
			sign: func(_ string, data []byte) bool {
				return hasAny(data, "openapi", "swagger") && hasAny(data, "paths", "components", "info", "webhooks")
			},
			likely: func(_ string, data []byte) bool { return openapiVersion.Match(data) && hasAny(data, "paths") },
			scan: func(ctx context.Context, f *gatehouse.File, doc *yaml.Node, out reporter) error {
				return s.scanOpenAPI(ctx, f.Path, doc, out)
			},
		},
		{
			typ: string(checks.Serverless),
			is:  serverless.Is,
			sign: func(name string, data []byte) bool {
				return serverless.IsName(name) || hasAny(data, "functions") && hasAny(data, "provider") && hasAny(data, "service")
			},
			likely: func(name string, _ []byte) bool { return serverless.IsName(name) },
			scan: func(ctx context.Context, f *gatehouse.File, doc *yaml.Node, out reporter) error {
				return s.scanServerless(ctx, f.Path, doc, out)
			},
		},
		{
			typ:    typePulumi,
			is:     func(_ string, doc *yaml.Node) bool { return isPulumiPreview(doc) },
			sign:   func(_ string, data []byte) bool { return hasPulumiSign(data) },
			likely: func(_ string, data []byte) bool { return hasPulumiSign(data) },
			scan: func(context.Context, *gatehouse.File, *yaml.Node, reporter) error {
				return &gatehouse.Unscannable{Code: gatehouse.GapUnresolved,
					Reason: "previews of Pulumi are not judged; judge the program by a policy over input.documents, or waive this"}
			},
		},
		{
			typ: string(checks.Ansible),
			is:  ansible.Is,
			sign: func(name string, data []byte) bool {
				return isYAML(name) && (ansible.IsNamed(name) || hasAny(data, "hosts:", "ansible.builtin", "import_playbook", "include_tasks") ||
					hasAny([]byte("/"+name), "/tasks/", "/handlers/", "/group_vars/", "/host_vars/", "/vars/", "/defaults/", "/requirements.y"))
			},
			likely: func(name string, data []byte) bool {
				return isYAML(name) && (ansible.IsNamed(name) || hasAny(data, "ansible.builtin.") || ansiblePlay.Match(data) && hasAny(data, "tasks:", "roles:"))
			},
			scan: func(ctx context.Context, f *gatehouse.File, doc *yaml.Node, out reporter) error {
				return s.scanAnsible(ctx, f.Path, doc, out)
			},
		},
		{
			typ: string(checks.Compose),
			is:  compose.Is,
			sign: func(name string, data []byte) bool {
				return compose.IsName(name) || bytes.Contains(data, []byte("services")) && hasAny(data, "image", "build")
			},
			likely: func(name string, data []byte) bool {
				return compose.IsName(name) || composeServices.Match(data) && bytes.Contains(data, []byte("image:"))
			},
			scan: func(ctx context.Context, f *gatehouse.File, doc *yaml.Node, out reporter) error {
				return s.scanCompose(ctx, f.Path, doc, out)
			},
		},
	}
}

// formatOf is the format of a document, nil if it has none of them.
func (s *scanner) formatOf(name string, doc *yaml.Node) *format {
	for _, fm := range s.formats() {
		if fm.is(name, doc) {
			return &fm
		}
	}
	return nil
}

// hasFormatSign reports whether a text may be of one of the formats.
func (s *scanner) hasFormatSign(name string, data []byte) bool {
	for _, fm := range s.formats() {
		if fm.sign(name, data) {
			return true
		}
	}
	return false
}

// likelyFormat reports whether a text that cannot be parsed is meant to be of
// one of the formats.
func (s *scanner) likelyFormat(name string, data []byte) bool {
	for _, fm := range s.formats() {
		if fm.likely(name, data) {
			return true
		}
	}
	return false
}

func hasAny(data []byte, words ...string) bool {
	for _, w := range words {
		if bytes.Contains(data, []byte(w)) {
			return true
		}
	}
	return false
}
