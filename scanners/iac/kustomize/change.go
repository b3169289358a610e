package kustomize

import (
	"fmt"
	"maps"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/filters/annotations"
	"sigs.k8s.io/kustomize/api/filters/imagetag"
	"sigs.k8s.io/kustomize/api/filters/labels"
	"sigs.k8s.io/kustomize/api/filters/namespace"
	"sigs.k8s.io/kustomize/api/filters/patchjson6902"
	"sigs.k8s.io/kustomize/api/filters/prefix"
	"sigs.k8s.io/kustomize/api/filters/replacement"
	"sigs.k8s.io/kustomize/api/filters/replicacount"
	"sigs.k8s.io/kustomize/api/filters/suffix"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// The fields that kustomize changes unless a configuration names others
// (api/internal/konfig/builtinpluginconsts).
var (
	nameField      = types.FieldSpec{Path: "metadata/name"}
	namespaceField = types.FsSlice{{Path: "metadata/namespace", CreateIfNotPresent: true}}
	replicasField  = types.FieldSpec{Path: "spec/replicas", CreateIfNotPresent: true}
	labelField     = types.FsSlice{{Path: "metadata/labels", CreateIfNotPresent: true}}
	podFields      = []string{"spec/template/metadata/", "spec/jobTemplate/metadata/", "spec/jobTemplate/spec/template/metadata/"}
	selectorFields = types.FsSlice{{Path: "spec/selector/matchLabels"}, {Path: "spec/podSelector/matchLabels"}, {Path: "spec/jobTemplate/spec/selector/matchLabels"}}
	imageFields    = types.FsSlice{{Path: "spec/volumes[]/image/reference"}, {Path: "spec/template/spec/volumes[]/image/reference"}, {Path: "spec/jobTemplate/spec/template/spec/volumes[]/image/reference"}}
	annotatedField = types.FsSlice{{Path: "metadata/annotations", CreateIfNotPresent: true}}
)

// ofPods are the fields below the metadata of pods in a workload.
func ofPods(field string) (fields types.FsSlice) {
	for _, p := range podFields {
		fields = append(fields, types.FieldSpec{Path: p + field})
	}
	return fields
}

// change makes the changes that a kustomization asks for, in the order of
// kustomize.
func (b *builder) change(u *unit, k *types.Kustomization, m resmap.ResMap) error {
	for _, p := range k.Patches {
		if err := b.patch(u, p, m); err != nil {
			return err
		}
	}
	if err := rename(k, m); err != nil {
		return err
	}
	all := k.Labels
	if len(k.CommonLabels) > 0 {
		all = append([]types.Label{{Pairs: k.CommonLabels, IncludeSelectors: true}}, all...)
	}
	for _, l := range all {
		fields := append(types.FsSlice{}, labelField...)
		if l.IncludeSelectors || l.IncludeTemplates {
			fields = append(fields, ofPods("labels")...)
		}
		if l.IncludeSelectors {
			fields = append(fields, selectorFields...)
		}
		if err := m.ApplyFilter(labels.Filter{Labels: maps.Clone(l.Pairs), FsSlice: append(fields, l.FieldSpecs...)}); err != nil {
			return fmt.Errorf("labels: %w", err)
		}
	}
	if len(k.CommonAnnotations) > 0 {
		if err := m.ApplyFilter(annotations.Filter{Annotations: maps.Clone(k.CommonAnnotations), FsSlice: append(ofPods("annotations"), annotatedField...)}); err != nil {
			return fmt.Errorf("commonAnnotations: %w", err)
		}
	}
	for _, r := range k.Replicas {
		for _, res := range m.Resources() {
			switch res.GetKind() {
			case "Deployment", "ReplicaSet", "StatefulSet", "ReplicationController":
				if res.OrgId().Name == r.Name || res.GetName() == r.Name {
					if err := res.ApplyFilter(replicacount.Filter{Replica: r, FieldSpec: replicasField}); err != nil {
						return fmt.Errorf("replicas: %w", err)
					}
				}
			}
		}
	}
	for _, i := range k.Images {
		if err := m.ApplyFilter(imagetag.LegacyFilter{ImageTag: i}); err != nil {
			return fmt.Errorf("images: %w", err)
		}
		if err := m.ApplyFilter(imagetag.Filter{ImageTag: i, FsSlice: imageFields}); err != nil {
			return fmt.Errorf("images: %w", err)
		}
	}
	var replacements []types.Replacement
	for _, r := range k.Replacements {
		replacements = append(replacements, r.Replacement)
	}
	if len(replacements) > 0 {
		if err := m.ApplyFilter(replacement.Filter{Replacements: replacements}); err != nil {
			return fmt.Errorf("replacements: %w", err)
		}
	}
	return nil
}

// rename sets namespaces, prefixes and suffixes. References to names stay as
// they are: nothing here follows them.
func rename(k *types.Kustomization, m resmap.ResMap) error {
	if k.Namespace == "" && k.NamePrefix == "" && k.NameSuffix == "" {
		return nil
	}
	for _, r := range m.Resources() {
		r.StorePreviousId()
		if k.Namespace != "" {
			if err := r.ApplyFilter(namespace.Filter{Namespace: k.Namespace, FsSlice: namespaceField}); err != nil {
				return fmt.Errorf("namespace: %w", err)
			}
		}
		switch r.GetKind() {
		case "CustomResourceDefinition", "APIService", "Namespace": // their names mean something
			continue
		}
		if k.NamePrefix != "" {
			if err := r.ApplyFilter(prefix.Filter{Prefix: k.NamePrefix, FieldSpec: nameField}); err != nil {
				return fmt.Errorf("namePrefix: %w", err)
			}
		}
		if k.NameSuffix != "" {
			if err := r.ApplyFilter(suffix.Filter{Suffix: k.NameSuffix, FieldSpec: nameField}); err != nil {
				return fmt.Errorf("nameSuffix: %w", err)
			}
		}
	}
	return nil
}

// patch applies one patch of either sort.
func (b *builder) patch(u *unit, p types.Patch, m resmap.ResMap) error {
	src := b.tree.source(p.Path, b.tree.files[p.Path], 0)
	name := p.Path
	if p.Path == "" {
		name = "a patch in the kustomization"
		src = b.tree.source(u.file, []byte(p.Patch), lineOf(u.doc, p.Patch))
	}
	docs, err := document.Parse(src.text)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(docs) == 0 {
		return nil
	}
	var selected []*resource.Resource
	if p.Target != nil {
		if selected, err = m.Select(*p.Target); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if docs[0].Kind == yaml.SequenceNode {
		if p.Target == nil {
			return fmt.Errorf("%s: a JSON patch must have a target", name)
		}
		for _, r := range selected {
			if err := applyJSON(r, src); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	}
	patches, err := b.factory.RF().SliceFromBytes(src.padded())
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if p.Target != nil && len(patches) > 1 {
		return fmt.Errorf("%s: a patch with a target must be the only one of its file", name)
	}
	for _, patch := range patches {
		if p.Options != nil && p.Options.AllowNameChange {
			patch.AllowNameChange()
		}
		if p.Options != nil && p.Options.AllowKindChange {
			patch.AllowKindChange()
		}
		to := selected
		if p.Target == nil {
			r, err := m.GetById(patch.OrgId())
			if err != nil {
				return fmt.Errorf("%s: no resource is what the patch %s is for", name, patch.OrgId())
			}
			to = []*resource.Resource{r}
		}
		if err := m.ApplySmPatch(resource.MakeIdSet(to), patch); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// applyJSON applies a JSON patch (RFC 6902). Kustomize makes a new tree for
// that, so the lines of the old one are put back.
func applyJSON(r *resource.Resource, src source) error {
	before := r.Copy().YNode()
	r.StorePreviousId()
	if err := r.ApplyFilter(patchjson6902.Filter{Patch: string(src.text)}); err != nil {
		return err
	}
	line := 0
	if src.offset > 0 {
		line = src.offset + 1
	}
	restore(before, r.YNode(), line)
	return nil
}

// restore gives nodes the lines that those of the same place had, and others
// that of the patch.
func restore(before, after *yaml.Node, line int) {
	after.Line = line
	if before != nil && before.Kind == after.Kind {
		if before.Kind != yaml.ScalarNode || before.Value == after.Value {
			after.Line = before.Line
		}
	}
	for i, child := range after.Content {
		var old *yaml.Node
		switch {
		case before == nil || before.Kind != after.Kind:
		case after.Kind == yaml.MappingNode && i%2 == 1:
			old = document.Get(before, after.Content[i-1].Value)
		case after.Kind == yaml.MappingNode:
			for j := 0; j+1 < len(before.Content); j += 2 {
				if before.Content[j].Value == child.Value {
					old = before.Content[j]
				}
			}
		case i < len(before.Content):
			old = before.Content[i]
		}
		restore(old, child, line)
	}
}
