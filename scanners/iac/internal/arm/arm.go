// Package arm reads templates of Azure Resource Manager
// (https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax),
// written by hand or compiled from Bicep, into the deployments that adapters
// understand. Expressions are evaluated as far as the template alone decides
// them.
package arm

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aquasecurity/trivy/pkg/iac/scanners/azure"
	"github.com/aquasecurity/trivy/pkg/iac/types"
	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// Template is what a template deploys.
type Template struct {
	// Deployments are the template and those that are nested in it.
	Deployments []azure.Deployment
	// Missing are the parameters without a value on which a property depends.
	Missing []Missing
	// Unknown are the lines of properties whose value is not known.
	Unknown map[int]bool
	// Links are nested templates that lie elsewhere.
	Links []Missing
}

// Missing is something that the template does not hold.
type Missing struct {
	Name string
	Line int
}

// Is reports whether a document is a template.
func Is(doc *yaml.Node) bool {
	return strings.Contains(strings.ToLower(document.String(doc, "$schema")), "deploymenttemplate.json")
}

// IsLikely reports whether a text that may not be parsed is meant to be a
// template.
func IsLikely(data []byte) bool {
	return bytes.Contains(data, []byte("$schema")) && bytes.Contains(bytes.ToLower(data), []byte("deploymenttemplate.json"))
}

// WithoutComments blanks the comments that templates may have, and leaves all
// else where it is.
func WithoutComments(data []byte) []byte {
	out := slices.Clone(data)
	quoted := false
	for i := 0; i < len(out); i++ {
		switch {
		case quoted && out[i] == '\\':
			i++
		case out[i] == '"':
			quoted = !quoted
		case quoted || out[i] != '/' || i+1 == len(out):
		case out[i+1] == '/':
			for ; i < len(out) && out[i] != '\n'; i++ {
				out[i] = ' '
			}
		case out[i+1] == '*':
			end := bytes.Index(out[i+2:], []byte("*/"))
			stop := len(out)
			if end >= 0 {
				stop = i + 2 + end + 2
			}
			for ; i < stop; i++ {
				if out[i] != '\n' {
					out[i] = ' '
				}
			}
			i--
		}
	}
	return out
}

// maxNested bounds how deeply deployments nest. Azure allows 5 levels of
// nested templates.
const maxNested = 10

// Read reads a template at a path.
func Read(path string, doc *yaml.Node) (*Template, error) {
	r := &reader{path: path, out: &Template{Unknown: map[int]bool{}}, missing: map[string]bool{}}
	if err := r.deployment(doc, nil, 0); err != nil {
		return nil, err
	}
	return r.out, nil
}

type reader struct {
	path    string
	out     *Template
	missing map[string]bool
	parts   int
}

// deployment reads a template. given are the values of its parameters.
func (r *reader) deployment(doc *yaml.Node, given map[string]any, level int) error {
	if doc.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: the template is no object", doc.Line)
	}
	resources := document.Get(doc, "resources")
	if resources == nil {
		return fmt.Errorf("line %d: the template has no resources", doc.Line)
	}
	s := newScope(document.Get(doc, "parameters"), document.Get(doc, "variables"), given)
	d := azure.Deployment{Metadata: r.metadata(doc, "", false), TargetScope: azure.ScopeResourceGroup}
	for _, n := range members(resources) {
		if n.Kind != yaml.MappingNode {
			return fmt.Errorf("line %d: a resource is no object", n.Line)
		}
		if condition := document.Get(n, "condition"); condition != nil {
			if v, ok := s.value(condition).(bool); ok && !v {
				continue
			}
		}
		if strings.EqualFold(document.String(n, "type"), "Microsoft.Resources/deployments") {
			if err := r.nested(n, s, level); err != nil {
				return err
			}
			continue
		}
		if document.String(n, "existing") == "true" {
			continue // it is only referred to
		}
		d.Resources = append(d.Resources, r.resource(n, s, "", "")...)
	}
	adjust(d.Resources)
	r.out.Deployments = append(r.out.Deployments, d)
	return nil
}

// nested reads a deployment within a template. Its template sees its own
// parameters, or those around it.
func (r *reader) nested(n *yaml.Node, outer *scope, level int) error {
	props := document.Get(n, "properties")
	if props == nil {
		return nil
	}
	template := document.Get(props, "template")
	if template == nil {
		r.out.Links = append(r.out.Links, Missing{Name: outer.name(document.Get(n, "name")), Line: n.Line})
		return nil
	}
	if level >= maxNested {
		return fmt.Errorf("line %d: deployments nest deeper than the limit of %d", n.Line, maxNested)
	}
	given := map[string]any{}
	if options := document.Get(props, "expressionEvaluationOptions"); options == nil || !strings.EqualFold(document.String(options, "scope"), "inner") {
		// The expressions of the template are those of the outer one.
		for name := range outer.parameters {
			given[name] = outer.parameter(name)
		}
		template = withOuter(template, outer)
	} else if params := document.Get(props, "parameters"); params != nil {
		each(params, func(name string, p *yaml.Node) {
			if v := document.Get(p, "value"); v != nil {
				given[strings.ToLower(name)] = outer.value(v)
			}
		})
	}
	return r.deployment(template, given, level+1)
}

// withOuter is a template with the parameters and variables of the outer one.
func withOuter(template *yaml.Node, outer *scope) *yaml.Node {
	merged := *template
	merged.Content = nil
	each2(template, func(k, v *yaml.Node) {
		if k.Value != "parameters" && k.Value != "variables" {
			merged.Content = append(merged.Content, k, v)
		}
	})
	add := func(name string, n *yaml.Node) {
		if n != nil {
			merged.Content = append(merged.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}, n)
		}
	}
	add("parameters", outer.parametersNode)
	add("variables", outer.variablesNode)
	return &merged
}

// resource reads a resource and those within it, which have types and names
// below its own.
func (r *reader) resource(n *yaml.Node, s *scope, parentType, parentName string) []azure.Resource {
	typ, name := document.String(n, "type"), s.name(document.Get(n, "name"))
	if parentType != "" {
		typ, name = parentType+"/"+typ, parentName+"/"+name
	}
	typ = canonical(typ)
	address := typ + "/" + name
	res := azure.Resource{Metadata: r.metadata(n, address, false)}
	get := func(key string) azure.Value {
		v := document.Get(n, key)
		if v == nil {
			return azure.NullValue
		}
		return r.value(v, s, address)
	}
	res.APIVersion, res.Kind, res.Location, res.Tags, res.Sku = get("apiVersion"), get("kind"), get("location"), get("tags"), get("sku")
	res.Type, res.Name = azure.NewValue(typ, res.Metadata), azure.NewValue(name, res.Metadata)
	props := map[string]azure.Value{}
	meta := res.Metadata // of the defaults, if nothing is set
	if set := get("properties"); set.AsMap() != nil {
		props, meta = set.AsMap(), set.GetMetadata()
	}
	// The adapters look for these among the properties.
	for _, key := range []string{"sku", "identity"} {
		if _, ok := props[key]; !ok && !get(key).IsNull() {
			props[key] = get(key)
		}
	}
	if typ == "Microsoft.KeyVault/vaults" {
		props["properties"] = azure.NewValue(map[string]azure.Value{"networkAcls": props["networkAcls"]}, meta)
	}
	res.Properties = azure.NewValue(props, meta)
	all := []azure.Resource{res}
	if typ == "Microsoft.Network/networkSecurityGroups" {
		all = append(all, inlineRules(res)...)
	}
	if children := document.Get(n, "resources"); children != nil {
		for _, c := range members(children) {
			if c.Kind == yaml.MappingNode {
				all = append(all, r.resource(c, s, typ, name)...)
			}
		}
	}
	return all
}

// inlineRules are the rules of a security group that are properties of it, as
// resources, which is how the adapters know them.
func inlineRules(group azure.Resource) []azure.Resource {
	var all []azure.Resource
	for _, rule := range group.Properties.GetMapValue("securityRules").AsList() {
		meta := rule.GetMetadata()
		name := group.Name.AsString() + "/" + rule.GetMapValue("name").AsString()
		typ := "Microsoft.Network/networkSecurityGroups/securityRules"
		meta.SetReference(typ + "/" + name)
		all = append(all, azure.Resource{Metadata: meta, Type: azure.NewValue(typ, meta), Name: azure.NewValue(name, meta), Properties: rule.GetMapValue("properties")})
	}
	return all
}

// adjust puts what stands in resources of their own where the adapters look
// for it: among the properties of the storage account.
func adjust(resources []azure.Resource) {
	for _, service := range resources {
		if !strings.EqualFold(service.Type.AsString(), "Microsoft.Storage/storageAccounts/blobServices") {
			continue
		}
		account, _, _ := strings.Cut(service.Name.AsString(), "/")
		for _, res := range resources {
			if res.Type.AsString() == "Microsoft.Storage/storageAccounts" && (res.Name.AsString() == account || strings.HasPrefix(service.Name.AsString(), "[")) {
				res.Properties.AsMap()["blobServices"] = azure.NewValue(map[string]azure.Value{"properties": service.Properties}, service.Metadata)
			}
		}
	}
}

// value converts a property. Each part stands on its own line.
func (r *reader) value(n *yaml.Node, s *scope, address string) azure.Value {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]azure.Value{}
		each(n, func(name string, v *yaml.Node) { m[name] = r.value(v, s, address) })
		return azure.NewValue(m, r.metadata(n, address, false))
	case yaml.SequenceNode:
		list := make([]azure.Value, 0, len(n.Content))
		for _, c := range members(n) {
			list = append(list, r.value(c, s, address))
		}
		return azure.NewValue(list, r.metadata(n, address, false))
	}
	return r.convert(s.value(n), n, address)
}

// convert is the result of an expression as a property.
func (r *reader) convert(v any, n *yaml.Node, address string) azure.Value {
	known := r.metadata(n, address, false)
	if r.parts++; r.parts > maxParts {
		v = unknown{typ: "string", parameter: "(too many values)"}
	}
	switch v := v.(type) {
	case unknown:
		if v.parameter != "" {
			if !r.missing[v.parameter] {
				r.missing[v.parameter] = true
				r.out.Missing = append(r.out.Missing, Missing{v.parameter, n.Line})
			}
			r.out.Unknown[n.Line] = true
		}
		meta := r.metadata(n, address, true)
		switch v.typ {
		case "bool":
			return azure.NewValue(false, meta)
		case "int":
			return azure.NewValue(int64(0), meta)
		case "array":
			return azure.NewValue([]azure.Value{}, meta)
		case "object":
			return azure.NewValue(map[string]azure.Value{}, meta)
		}
		return azure.NewValue("unknown", meta)
	case []any:
		list := make([]azure.Value, len(v))
		for i, e := range v {
			list[i] = r.convert(e, n, address)
		}
		return azure.NewValue(list, known)
	case map[string]any:
		m := map[string]azure.Value{}
		for k, e := range v {
			m[k] = r.convert(e, n, address)
		}
		return azure.NewValue(m, known)
	}
	return azure.NewValue(v, known)
}

func (r *reader) metadata(n *yaml.Node, address string, isUnknown bool) types.Metadata {
	rng := types.NewRange(r.path, max(n.Line, 1), max(lastLine(n), 1), "", nil)
	if isUnknown {
		return types.NewUnresolvableMetadata(rng, address)
	}
	return types.NewMetadata(rng, address)
}

func lastLine(n *yaml.Node) int {
	for len(n.Content) > 0 {
		n = document.Resolve(n.Content[len(n.Content)-1])
	}
	return n.Line
}

// members are the elements of a list, or the values of an object.
func members(n *yaml.Node) []*yaml.Node {
	var all []*yaml.Node
	for i, c := range n.Content {
		if n.Kind == yaml.SequenceNode || n.Kind == yaml.MappingNode && i%2 == 1 {
			all = append(all, document.Resolve(c))
		}
	}
	return all
}

func each(n *yaml.Node, f func(name string, v *yaml.Node)) {
	each2(n, func(k, v *yaml.Node) { f(k.Value, v) })
}

func each2(n *yaml.Node, f func(k, v *yaml.Node)) {
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		f(document.Resolve(n.Content[i]), document.Resolve(n.Content[i+1]))
	}
}

func number(text string) any {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	return int64(f) // the adapters know whole numbers only
}

// canonical is a type in the letters that the adapters know: Azure does not
// tell small from capital ones.
func canonical(typ string) string {
	for _, known := range []string{
		"Microsoft.Authorization/roleAssignments", "Microsoft.Authorization/roleDefinitions",
		"Microsoft.Compute/disks", "Microsoft.Compute/virtualMachines", "Microsoft.ContainerService/managedClusters",
		"Microsoft.DBforMariaDB/servers", "Microsoft.DBforMySQL/servers", "Microsoft.DBforPostgreSQL/servers",
		"Microsoft.DBforPostgreSQL/servers/configurations", "Microsoft.DBforPostgreSQL/servers/securityAlertPolicies",
		"Microsoft.DataFactory/factories", "Microsoft.DataLakeStore/accounts", "Microsoft.Insights/logProfiles",
		"Microsoft.KeyVault/vaults", "Microsoft.KeyVault/vaults/keys", "Microsoft.KeyVault/vaults/secrets",
		"Microsoft.Network/networkInterfaces", "Microsoft.Network/networkSecurityGroups",
		"Microsoft.Network/networkSecurityGroups/securityRules", "Microsoft.Network/networkWatchers/flowLogs",
		"Microsoft.Security/pricings", "Microsoft.Security/securityContacts",
		"Microsoft.Sql/servers", "Microsoft.Sql/servers/extendedAuditingSettings", "Microsoft.Sql/servers/securityAlertPolicies",
		"Microsoft.Storage/storageAccounts", "Microsoft.Synapse/workspaces", "Microsoft.Web/sites",
	} {
		if strings.EqualFold(typ, known) {
			return known
		}
	}
	return typ
}
