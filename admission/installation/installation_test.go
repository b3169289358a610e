package installation_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-sec/gatehouse/admission/installation"
	"github.com/gatehouse-sec/gatehouse/admission/manifest"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

// authority is the base64 of a certificate that ends then.
func authority(t *testing.T, ends time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: ends.Add(-1000 * time.Hour), NotAfter: ends, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

const sound = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: gatehouse}
webhooks:
  - name: validate.gatehouse.example
    failurePolicy: Fail
    matchPolicy: Equivalent
    timeoutSeconds: 10
    admissionReviewVersions: [v1]
    sideEffects: None
    clientConfig: {caBundle: BUNDLE, service: {name: hook, namespace: gate}}
    namespaceSelector:
      matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system, gate]}]
    rules:
      - {apiGroups: [""], apiVersions: ["*"], resources: [pods, pods/ephemeralcontainers, podtemplates, replicationcontrollers], operations: [CREATE, UPDATE]}
      - {apiGroups: [apps], apiVersions: ["*"], resources: ["*"], operations: ["*"]}
      - {apiGroups: [batch], apiVersions: ["*"], resources: [jobs, cronjobs], operations: [CREATE, UPDATE]}
---
apiVersion: v1
kind: Service
metadata: {name: hook, namespace: gate}
spec: {selector: {app: gate}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: hook, namespace: gate}
spec: {selector: {matchLabels: {app: gate}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: hook, namespace: gate}
spec:
  replicas: 3
  template:
    metadata: {labels: {app: gate}}
    spec:
      topologySpreadConstraints: [{topologyKey: kubernetes.io/hostname}]
      containers: [{name: a, image: "registry.example/hook@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: proxy, namespace: kube-system}
spec: {template: {spec: {hostNetwork: true, priorityClassName: system-node-critical, containers: [{name: a, image: proxy}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: shop}
spec: {template: {spec: {containers: [{name: a, image: shop}]}}}
`

func examine(t *testing.T, text string) *installation.Report {
	t.Helper()
	objects, err := manifest.Parse("cluster.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	r, err := installation.Examine(objects, noon)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSound(t *testing.T) {
	r := examine(t, strings.Replace(sound, "BUNDLE", authority(t, noon.AddDate(1, 0, 0)), 1))
	for _, x := range r.Results {
		if x.Level != installation.Fine {
			t.Errorf("%s: %s: %s", x.Level, x.About, x.Message)
		}
	}
	if len(r.Results) < 6 {
		t.Errorf("only %d things were looked at", len(r.Results))
	}
	want := map[string]string{"apps/v1 Deployment gate/hook": "without", "apps/v1 DaemonSet kube-system/proxy": "without", "apps/v1 Deployment shop/shop": "after"}
	for _, s := range r.Restart {
		if want[s.Workload] != s.Order {
			t.Errorf("%s comes up %s: %s", s.Workload, s.Order, s.Why)
		}
		delete(want, s.Workload)
	}
	if len(want) > 0 {
		t.Errorf("nothing is said about %v", want)
	}
}

// TestUnsound guards against TM-29: each way to get past the webhook, or to have a
// cluster that does not start, is found.
func TestUnsound(t *testing.T) {
	for name, tc := range map[string]struct {
		old, with string
		level     installation.Level
		want      string
	}{
		"open when it is down":      {"failurePolicy: Fail", "failurePolicy: Ignore", installation.Problem, "everything gets in"},
		"labels of the object":      {"    namespaceSelector:", "    objectSelector: {matchLabels: {check: 'true'}}\n    namespaceSelector:", installation.Problem, "objectSelector"},
		"labels of the namespace":   {"key: kubernetes.io/metadata.name", "key: gate", installation.Risk, "who may change a namespace"},
		"itself":                    {"[kube-system, gate]", "[kube-system]", installation.Problem, "exclude gate"},
		"kube-system":               {"[kube-system, gate]", "[gate]", installation.Problem, "exclude kube-system"},
		"no ephemeral containers":   {"pods/ephemeralcontainers, ", "", installation.Problem, "UPDATE pods/ephemeralcontainers"},
		"no updates":                {"replicationcontrollers], operations: [CREATE, UPDATE]", "replicationcontrollers], operations: [CREATE]", installation.Problem, "UPDATE pods"},
		"no jobs":                   {"[jobs, cronjobs]", "[cronjobs]", installation.Risk, "CREATE jobs"},
		"exact versions":            {"matchPolicy: Equivalent", "matchPolicy: Exact", installation.Problem, "another version"},
		"too long":                  {"timeoutSeconds: 10", "timeoutSeconds: 30", installation.Risk, "timeoutSeconds is 30"},
		"too short":                 {"timeoutSeconds: 10", "timeoutSeconds: 1", installation.Risk, "timeoutSeconds is 1"},
		"older reviews":             {"admissionReviewVersions: [v1]", "admissionReviewVersions: [v1beta1]", installation.Problem, "has no v1"},
		"dry runs":                  {"sideEffects: None", "sideEffects: Unknown", installation.Problem, "dry run"},
		"no bundle":                 {"caBundle: BUNDLE, ", "", installation.Problem, "no CA bundle"},
		"bundle of nothing":         {"BUNDLE", "aGVsbG8=", installation.Problem, "no certificate"},
		"bundle that is none":       {"BUNDLE", "'*'", installation.Problem, "base64"},
		"bundle ended":              {"BUNDLE", authority(t, noon.Add(-time.Hour)), installation.Problem, "ended on 2026-11-02"},
		"bundle ends":               {"BUNDLE", authority(t, noon.Add(100*time.Hour)), installation.Risk, "in less than 30 days"},
		"one replica":               {"replicas: 3", "replicas: 1", installation.Problem, "one replica"},
		"no budget":                 {"{matchLabels: {app: gate}}", "{matchLabels: {app: other}}", installation.Risk, "PodDisruptionBudget"},
		"not spread":                {"topologySpreadConstraints: [{topologyKey: kubernetes.io/hostname}]", "", installation.Risk, "on one node"},
		"a tag":                     {"hook@sha256:" + strings.Repeat("a", 64), "hook:1", installation.Risk, "has no digest"},
		"no service":                {"kind: Service", "kind: Other", installation.Risk, "not among the objects"},
		"no pods":                   {"selector: {app: gate}", "selector: {app: other}", installation.Risk, "no workload"},
		"only pins":                 {"kind: Validating", "kind: Mutating", installation.Problem, "nothing is denied"},
		"unknown condition":         {"    rules:", "    matchConditions: [{name: x, expression: \"object.metadata.name != 'x'\"}]\n    rules:", installation.Risk, "not one that this command understands"},
		"the network is elsewhere":  {"name: proxy, namespace: kube-system", "name: cilium, namespace: cilium", installation.Problem, "the cluster needs it"},
		"another webhook before it": {"webhooks:\n", "webhooks:\n  - {name: x.kyverno.example, failurePolicy: Fail, rules: [{apiGroups: ['*'], resources: ['*'], operations: ['*']}], clientConfig: {service: {name: k, namespace: kyverno}}}\n", installation.Risk, "this other one"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(sound, tc.old, tc.with, 1)
			if text == sound {
				t.Fatalf("%q is not there", tc.old)
			}
			r := examine(t, strings.Replace(text, "BUNDLE", authority(t, noon.AddDate(1, 0, 0)), 1))
			for _, x := range r.Results {
				if x.Level == tc.level && strings.Contains(x.Message, tc.want) {
					return
				}
			}
			t.Errorf("nothing says %q: %+v", tc.want, r.Results)
		})
	}
	for _, condition := range []string{`!(request.namespace in ["kube-system", 'gate'])`, `request.namespace != "gate"`} {
		text := strings.Replace(strings.Replace(sound, "[kube-system, gate]", "[kube-system]", 1), "    rules:", "    matchConditions: [{name: x, expression: "+`'`+strings.ReplaceAll(condition, `'`, `''`)+`'`+"}]\n    rules:", 1)
		r := examine(t, strings.Replace(text, "BUNDLE", authority(t, noon.AddDate(1, 0, 0)), 1))
		if r.Problems() {
			t.Errorf("the condition %s is not understood: %+v", condition, r.Results)
		}
	}
}
