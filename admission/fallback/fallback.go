// Package fallback makes what a cluster can enforce without the webhook: a policy of
// Kubernetes itself that lets in the digests of a list, and no other.
package fallback

import (
	"bytes"
	_ "embed" // for the policy
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
)

// policy has the definition of the list, the policy and its binding. It is about pods
// alone: whatever makes them, no image gets onto a node without one.
//
//go:embed policy.yaml
var policy []byte

// Approved is a digest that may run.
type Approved struct {
	Digest attest.Digest
	// Image is what it was called when it was verified, for people.
	Image string
}

// Manifests are the objects to apply: the definition of the list, the list, the policy
// and its binding, which leaves out the namespaces excluded. An empty list is an error:
// it would let nothing in.
func Manifests(approved []Approved, excluded []string) ([]byte, error) {
	switch {
	case len(approved) == 0:
		return nil, fmt.Errorf("no digest is approved, so nothing could start")
	case len(approved) > limits.MaxApprovedDigests:
		return nil, fmt.Errorf("%d digests are approved, the limit of one list is %d", len(approved), limits.MaxApprovedDigests)
	}
	digests := map[string]string{}
	for _, a := range approved {
		digests[string(a.Digest)] = a.Image
	}
	list, err := yaml.Marshal(map[string]any{
		"apiVersion": "gatehouse-sec.github.io/v1alpha1", "kind": "ApprovedDigests", "metadata": map[string]any{"name": "gatehouse"}, "spec": map[string]any{"digests": digests},
	})
	if err != nil {
		return nil, err
	}
	quoted := slices.Clone(excluded)
	for i, name := range quoted {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	out := bytes.Replace(policy, []byte("EXCLUDED"), []byte("["+strings.Join(quoted, ", ")+"]"), 1)
	return slices.Concat(out, []byte("---\n"), list), nil
}
