// Package export writes a configuration as policies of other admission controllers, so
// that who runs those enforces the same summaries.
package export

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/gatehouse-sec/gatehouse/admission"
	"github.com/gatehouse-sec/gatehouse/attest"
)

// object is an object of Kubernetes.
type object = map[string]any

// Kyverno writes a ClusterPolicy for each policy, as of Kyverno 1.13 and newer. What it
// cannot express is in left.
//
// https://kyverno.io/docs/policy-types/cluster-policy/verify-images/sigstore/
func Kyverno(c *admission.Config) (text []byte, left []string, err error) {
	return each(c, func(p *admission.Policy, leave func(string, ...any)) (object, error) {
		var rules []any
		for i, r := range p.Verify.Require {
			var attestors []any
			for _, a := range authorities(p.Verify, r) {
				attestors = append(attestors, kyvernoAuthority(a))
			}
			count := max(r.Threshold, 1)
			attestation := object{"type": r.PredicateType, "attestors": []any{object{"count": count, "entries": attestors}}}
			if conditions := kyvernoConditions(p.Verify, r); len(conditions) > 0 {
				attestation["conditions"] = []any{object{"all": conditions}}
			}
			if r.Summary != nil {
				leave("that the resource URI of a summary is that of the image")
			}
			match := object{"resources": object{"kinds": []string{"Pod"}}}
			if len(p.Namespaces) > 0 {
				match["resources"].(object)["namespaces"] = p.Namespaces
			}
			rule := object{
				"name": fmt.Sprintf("requirement-%d", i+1), "match": object{"any": []any{match}},
				"verifyImages": []any{object{
					"type": "SigstoreBundle", "imageReferences": references(p.Images, "*"), "failureAction": map[admission.Mode]string{admission.Enforce: "Enforce", admission.Warn: "Audit", admission.Audit: "Audit"}[p.Mode],
					"mutateDigest": true, "verifyDigest": !p.AllowTags, "required": true, "attestations": []any{attestation},
				}},
			}
			if len(p.Except) > 0 {
				rule["exclude"] = object{"any": []any{object{"resources": object{"namespaces": p.Except}}}}
			}
			rules = append(rules, rule)
		}
		if len(p.Digests) > 0 {
			leave("digests that are good without an attestation")
		}
		return object{
			"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": object{"name": "gatehouse-" + p.Name},
			"spec": object{"background": false, "webhookConfiguration": object{"failurePolicy": "Fail", "timeoutSeconds": 15}, "rules": rules},
		}, nil
	})
}

func kyvernoAuthority(a attest.Authority) object {
	log := object{"ignoreTlog": a.LogEntries == 0}
	if id := a.Identity; id != nil {
		keyless := object{"rekor": log}
		for key, value := range map[string]string{"issuer": id.Issuer, "subject": id.Subject, "issuerRegExp": anchored(id.IssuerPattern), "subjectRegExp": anchored(id.SubjectPattern)} {
			if value != "" {
				keyless[key] = value
			}
		}
		return object{"keyless": keyless}
	}
	return object{"keys": object{"publicKeys": keys(a), "rekor": log, "ctlog": object{"ignoreSCT": true}}}
}

// kyvernoConditions are about the fields of the predicate.
func kyvernoConditions(p *attest.Policy, r attest.Requirement) []any {
	s := r.Summary
	if s == nil {
		return nil
	}
	out := []any{object{"key": "{{ verificationResult }}", "operator": "Equals", "value": attest.ResultPassed}}
	var ids []string
	for _, a := range authorities(p, r) {
		ids = append(ids, a.Verifiers...)
	}
	out = append(out, object{"key": "{{ verifier.id }}", "operator": "AnyIn", "value": ids}, object{"key": s.Levels, "operator": "AllIn", "value": "{{ verifiedLevels }}"},
		object{"key": "{{ time_since('', '{{ timeVerified }}', '') }}", "operator": "LessThanOrEquals", "value": r.MaxAge.String()})
	if len(s.PolicyDigests) > 0 {
		var hex []string
		for _, d := range s.PolicyDigests {
			hex = append(hex, d.Hex())
		}
		out = append(out, object{"key": "{{ policy.digest.sha256 }}", "operator": "AnyIn", "value": hex})
	}
	return out
}

// PolicyController writes a ClusterImagePolicy for each policy. What it cannot express
// is in left.
//
// https://docs.sigstore.dev/policy-controller/overview/
func PolicyController(c *admission.Config) (text []byte, left []string, err error) {
	return each(c, func(p *admission.Policy, leave func(string, ...any)) (object, error) {
		var out []any
		for i, r := range p.Verify.Require {
			if r.Threshold > 1 {
				return nil, fmt.Errorf("the policy %q wants %d authorities for %s: policy-controller counts none", p.Name, r.Threshold, r.PredicateType)
			}
			if i > 0 {
				return nil, fmt.Errorf("the policy %q has several requirements: policy-controller is content with one of its authorities; write a policy for each", p.Name)
			}
			for _, a := range authorities(p.Verify, r) {
				if len(a.Keys) > 0 {
					leave("signatures in bundles of cosign 3 with the keys of %q: policy-controller reads those only if they have a certificate", a.Name)
				}
				for n, key := range append(keyObjects(a), identityObject(a)...) {
					key["name"] = fmt.Sprintf("%s-%d", a.Name, n+1)
					attestation := object{"name": fmt.Sprintf("requirement-%d", i+1), "predicateType": r.PredicateType}
					if r.Summary != nil {
						leave("the age of a summary, and that its resource URI is that of the image")
						attestation["policy"] = object{"type": "cue", "data": cue(a, r)}
					}
					key["attestations"] = []any{attestation}
					out = append(out, key)
				}
			}
		}
		if len(p.Namespaces)+len(p.Except) > 0 {
			leave("namespaces: policy-controller looks at those with the label policy.sigstore.dev/include=true")
		}
		if len(p.Digests) > 0 {
			leave("digests that are good without an attestation")
		}
		var images []any
		for _, glob := range references(p.Images, "**") {
			images = append(images, object{"glob": glob})
		}
		mode := "enforce"
		if p.Mode != admission.Enforce {
			mode = "warn"
		}
		return object{
			"apiVersion": "policy.sigstore.dev/v1beta1", "kind": "ClusterImagePolicy", "metadata": object{"name": "gatehouse-" + p.Name},
			"spec": object{"mode": mode, "images": images, "authorities": out},
		}, nil
	})
}

func keyObjects(a attest.Authority) []object {
	var out []object
	for _, k := range a.Keys {
		if k.Revoked == "" {
			out = append(out, object{"key": object{"data": string(k.PEM()), "hashAlgorithm": "sha256"}})
		}
	}
	return out
}

func identityObject(a attest.Authority) []object {
	if a.Identity == nil {
		return nil
	}
	identity := object{}
	for key, value := range map[string]string{"issuer": a.Identity.Issuer, "subject": a.Identity.Subject, "issuerRegExp": anchored(a.Identity.IssuerPattern), "subjectRegExp": anchored(a.Identity.SubjectPattern)} {
		if value != "" {
			identity[key] = value
		}
	}
	return []object{{"keyless": object{"identities": []any{identity}}, "signatureFormat": "bundle"}}
}

// cue is what a summary must say.
func cue(a attest.Authority, r attest.Requirement) string {
	var b strings.Builder
	quoted := func(list []string) string {
		var out []string
		for _, s := range list {
			out = append(out, fmt.Sprintf("%q", s))
		}
		return strings.Join(out, " | ")
	}
	fmt.Fprintf(&b, "import \"list\"\n\npredicate: {\n\tverificationResult: %q\n\tverifier: id: %s\n", attest.ResultPassed, quoted(a.Verifiers))
	for _, level := range r.Summary.Levels {
		fmt.Fprintf(&b, "\tverifiedLevels: list.Contains(%q)\n", level)
	}
	var hex []string
	for _, d := range r.Summary.PolicyDigests {
		hex = append(hex, d.Hex())
	}
	if len(hex) > 0 {
		fmt.Fprintf(&b, "\tpolicy: digest: sha256: %s\n", quoted(hex))
	}
	return b.String() + "}\n"
}

// each writes an object for each policy that verifies something.
func each(c *admission.Config, write func(*admission.Policy, func(string, ...any)) (object, error)) ([]byte, []string, error) {
	var text []byte
	var left []string
	for i := range c.Policies {
		p := &c.Policies[i]
		leave := func(format string, args ...any) {
			if line := fmt.Sprintf("policy %q: not enforced: ", p.Name) + fmt.Sprintf(format, args...); !slices.Contains(left, line) {
				left = append(left, line)
			}
		}
		if p.Verify == nil {
			leave("it only lists digests")
			continue
		}
		o, err := write(p, leave)
		if err != nil {
			return nil, nil, err
		}
		b, err := yaml.Marshal(o)
		if err != nil {
			return nil, nil, err
		}
		if text != nil {
			text = append(text, "---\n"...)
		}
		text = append(text, b...)
	}
	if text == nil {
		return nil, nil, fmt.Errorf("no policy verifies an attestation, so there is nothing to write")
	}
	return text, left, nil
}

func authorities(p *attest.Policy, r attest.Requirement) []attest.Authority {
	var out []attest.Authority
	for _, a := range p.Authorities {
		if slices.Contains(r.Authorities, a.Name) {
			out = append(out, a)
		}
	}
	return out
}

// keys are those that are not revoked, one after the other.
func keys(a attest.Authority) string {
	var b strings.Builder
	for _, k := range a.Keys {
		if k.Revoked == "" {
			b.Write(k.PEM())
		}
	}
	return b.String()
}

// references are patterns as others write them, with any tag or digest; below is what
// stands there for any text with slashes.
func references(patterns []string, below string) []string {
	var out []string
	for _, p := range patterns {
		if start, ok := strings.CutSuffix(p, "**"); ok {
			out = append(out, start+below)
			continue
		}
		out = append(out, p+":*", p+"@*")
	}
	return out
}

// anchored is a pattern that matches whole texts, as ours do.
func anchored(pattern string) string {
	if pattern == "" {
		return ""
	}
	return "^(?:" + pattern + ")$"
}
