// Package installation looks at how a webhook is installed: whether something gets past it,
// and whether a cluster that starts anew comes up with it.
package installation

import (
	"crypto/x509"
	jsonv2 "encoding/json/v2"
	"encoding/pem"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-sec/gatehouse/admission"
	"github.com/gatehouse-sec/gatehouse/admission/manifest"
)

// Level says how bad something is.
type Level string

// The levels.
const (
	// Problem: something gets past, or the cluster stands still.
	Problem Level = "problem"
	// Risk: it may, if something else happens too.
	Risk Level = "risk"
	// Fine: it was looked at, and is as it should be.
	Fine Level = "ok"
)

// Result is one thing that was looked at.
type Result struct {
	Level Level `json:"level"`
	// About names the object, and Message says what it is and what to do.
	About   string `json:"about"`
	Message string `json:"message"`
}

// Start is what becomes of the pods of a workload when all nodes start at once.
type Start struct {
	Workload string `json:"workload"`
	// Order is without, after or never: it comes up without the webhook, after
	// it, or not at all because it waits for something that waits for it.
	Order string `json:"order"`
	Why   string `json:"why"`
}

// Report is what was found.
type Report struct {
	Results []Result `json:"results"`
	Restart []Start  `json:"restart"`
}

// Problems reports whether there is a problem.
func (r *Report) Problems() bool {
	return slices.ContainsFunc(r.Results, func(x Result) bool { return x.Level == Problem })
}

func (r *Report) add(level Level, about, format string, args ...any) {
	r.Results = append(r.Results, Result{level, about, fmt.Sprintf(format, args...)})
}

// configuration is a ValidatingWebhookConfiguration or MutatingWebhookConfiguration.
type configuration struct {
	Metadata metadata  `json:"metadata"`
	Webhooks []webhook `json:"webhooks"`
}

type configured struct {
	manifest.Object
	configuration
}

type metadata struct {
	Name        string            `json:"name"`
	Namespace   string            `json:"namespace"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

type webhook struct {
	Name                    string           `json:"name"`
	FailurePolicy           string           `json:"failurePolicy"`
	MatchPolicy             string           `json:"matchPolicy"`
	SideEffects             string           `json:"sideEffects"`
	TimeoutSeconds          *int             `json:"timeoutSeconds"`
	AdmissionReviewVersions []string         `json:"admissionReviewVersions"`
	NamespaceSelector       *selector        `json:"namespaceSelector"`
	ObjectSelector          *selector        `json:"objectSelector"`
	MatchConditions         []matchCondition `json:"matchConditions"`
	Rules                   []rule           `json:"rules"`
	ClientConfig            struct {
		CABundle string `json:"caBundle"`
		URL      string `json:"url"`
		Service  *struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
			Path      string `json:"path"`
		} `json:"service"`
	} `json:"clientConfig"`
}

type matchCondition struct {
	Name       string `json:"name"`
	Expression string `json:"expression"`
}

type selector struct {
	MatchLabels      map[string]string `json:"matchLabels"`
	MatchExpressions []struct {
		Key      string   `json:"key"`
		Operator string   `json:"operator"`
		Values   []string `json:"values"`
	} `json:"matchExpressions"`
}

func (s *selector) empty() bool { return s == nil || len(s.MatchLabels)+len(s.MatchExpressions) == 0 }

// matches evaluates the selector.
//
// https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
func (s *selector) matches(labels map[string]string) bool {
	if s == nil {
		return true
	}
	for k, v := range s.MatchLabels {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	for _, e := range s.MatchExpressions {
		got, ok := labels[e.Key]
		switch e.Operator {
		case "In":
			ok = ok && slices.Contains(e.Values, got)
		case "NotIn":
			ok = !ok || !slices.Contains(e.Values, got)
		case "DoesNotExist":
			ok = !ok
		}
		if !ok {
			return false
		}
	}
	return true
}

type rule struct {
	APIGroups  []string `json:"apiGroups"`
	Resources  []string `json:"resources"`
	Operations []string `json:"operations"`
}

func (r rule) covers(group, resource, operation string) bool {
	has := func(list []string, want string) bool {
		return slices.Contains(list, want) || slices.Contains(list, "*")
	}
	main, sub, isSub := strings.Cut(resource, "/")
	resources := slices.Contains(r.Resources, resource) || slices.Contains(r.Resources, "*/*") || !isSub && slices.Contains(r.Resources, "*") ||
		isSub && (slices.Contains(r.Resources, main+"/*") || slices.Contains(r.Resources, "*/"+sub))
	return has(r.APIGroups, group) && resources && has(r.Operations, operation)
}

// nameLabel is a label of each namespace that nobody can change.
const nameLabel = "kubernetes.io/metadata.name"

// excludes are the forms of match conditions that this package understands: that the
// namespace is none of some.
var (
	excludesOne  = regexp.MustCompile(`^request\.namespace\s*!=\s*['"]([a-z0-9.-]+)['"]$`)
	excludesList = regexp.MustCompile(`^!\s*\(\s*request\.namespace\s+in\s+\[([^\]]*)\]\s*\)$`)
)

// intercepts reports whether pods that are made in the namespace go to the webhook.
// Conditions that are not understood are taken not to exclude anything.
func (w *webhook) intercepts(namespace string, labels map[string]string) bool {
	all := map[string]string{nameLabel: namespace}
	for k, v := range labels {
		if k != nameLabel {
			all[k] = v
		}
	}
	if !w.NamespaceSelector.matches(all) || !w.covers("", "pods", "CREATE") {
		return false
	}
	for _, c := range w.MatchConditions {
		text := strings.TrimSpace(c.Expression)
		if m := excludesOne.FindStringSubmatch(text); m != nil && m[1] == namespace {
			return false
		}
		if m := excludesList.FindStringSubmatch(text); m != nil {
			for name := range strings.SplitSeq(m[1], ",") {
				if strings.Trim(strings.TrimSpace(name), `'"`) == namespace {
					return false
				}
			}
		}
	}
	return true
}

func (w *webhook) covers(group, resource, operation string) bool {
	return slices.ContainsFunc(w.Rules, func(r rule) bool { return r.covers(group, resource, operation) })
}

// carriers are the resources that have images.
var carriers = []struct{ group, resource string }{
	{"", "pods"}, {"", "pods/ephemeralcontainers"}, {"", "podtemplates"}, {"", "replicationcontrollers"}, {"apps", "deployments"}, {"apps", "statefulsets"}, {"apps", "daemonsets"},
	{"apps", "replicasets"}, {"batch", "jobs"}, {"batch", "cronjobs"},
}

// workload is something that makes pods.
type workload struct {
	manifest.Object
	replicas    int // -1 if it has none
	hostNetwork bool
	priority    string
	labels      map[string]string // of its pods
	spread      bool
	untagged    []string // images without a digest
}

// cluster is what the manifests are about.
type cluster struct {
	configurations []configured
	namespaces     map[string]map[string]string // to labels
	workloads      []workload
	budgets        []selector
	budgetIn       []string
	services       map[string]map[string]string // namespace/name to selector
}

// Examine looks at the objects of the installation, or of a whole cluster.
func Examine(objects []manifest.Object, now time.Time) (*Report, error) {
	c, err := read(objects)
	if err != nil {
		return nil, err
	}
	r := &Report{}
	var ours []*webhook
	own, denies := "", false
	for i := range c.configurations {
		conf := &c.configurations[i]
		for j := range conf.Webhooks {
			w := &conf.Webhooks[j]
			if s := w.ClientConfig.Service; s == nil || !strings.Contains(w.Name, "gatehouse") {
				continue
			}
			own = w.ClientConfig.Service.Namespace
			validating := conf.Kind.Kind == "ValidatingWebhookConfiguration"
			r.webhook(conf.Kind.Kind+" "+conf.Metadata.Name+", "+w.Name, w, conf.Metadata, validating, now)
			ours, denies = append(ours, w), denies || validating
		}
	}
	if len(ours) == 0 {
		return nil, fmt.Errorf("there is no webhook of gatehouse among the %d objects: pass the output of kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml, or of helm template", len(objects))
	}
	if !denies {
		r.add(Problem, "ValidatingWebhookConfiguration", "there is none, so nothing is denied")
	}
	r.itself(c, own, ours)
	r.restart(c, own, ours)
	return r, nil
}

func (r *Report) webhook(about string, w *webhook, m metadata, validating bool, now time.Time) {
	switch {
	case validating && w.FailurePolicy == "Ignore":
		r.add(Problem, about, "failurePolicy is Ignore: while the webhook does not answer, everything gets in; use Fail")
	case validating:
		r.add(Fine, about, "failurePolicy is Fail: while the webhook does not answer, nothing gets in")
	case w.FailurePolicy != "Ignore":
		r.add(Risk, about, "failurePolicy is Fail; pinning needs no Fail, as what is not pinned is denied later")
	}
	timeout := 10
	if w.TimeoutSeconds != nil {
		timeout = *w.TimeoutSeconds
	}
	switch {
	case timeout > 15:
		r.add(Risk, about, "timeoutSeconds is %d: with two webhooks like that the requests of controllers end first; use 10", timeout)
	case timeout < 3:
		r.add(Risk, about, "timeoutSeconds is %d: an image that was not verified yet needs some requests to its registry; use 10", timeout)
	default:
		r.add(Fine, about, "timeoutSeconds is %d", timeout)
	}
	if !slices.Contains(w.AdmissionReviewVersions, "v1") {
		r.add(Problem, about, "admissionReviewVersions has no v1, the only one that is understood")
	}
	if w.SideEffects != "None" && w.SideEffects != "NoneOnDryRun" {
		r.add(Problem, about, "sideEffects is %q: a dry run is refused; use None", w.SideEffects)
	}
	if w.MatchPolicy == "Exact" {
		r.add(Problem, about, "matchPolicy is Exact: an object in another version of its API gets past; use Equivalent")
	}
	if !w.ObjectSelector.empty() {
		r.add(Problem, about, "there is an objectSelector: who makes an object chooses its labels, and so whether it is looked at; remove it")
	}
	if w.NamespaceSelector != nil {
		labels := map[string]bool{}
		for k := range w.NamespaceSelector.MatchLabels {
			labels[k] = true
		}
		for _, e := range w.NamespaceSelector.MatchExpressions {
			labels[e.Key] = true
		}
		for k := range labels {
			if k != nameLabel {
				r.add(Risk, about, "the namespaceSelector is about the label %s: who may change a namespace can turn the webhook off there; use %s", k, nameLabel)
			}
		}
	}
	for _, cond := range w.MatchConditions {
		text := strings.TrimSpace(cond.Expression)
		if !excludesOne.MatchString(text) && !excludesList.MatchString(text) {
			r.add(Risk, about, "the match condition %q is not one that this command understands: what it leaves out is not known here", cond.Name)
		}
	}
	if validating {
		var missing []string
		for _, x := range carriers {
			for _, operation := range []string{"CREATE", "UPDATE"} {
				if x.resource == "pods/ephemeralcontainers" && operation == "CREATE" {
					continue // there is only an update
				}
				if !w.covers(x.group, x.resource, operation) {
					missing = append(missing, operation+" "+x.resource)
				}
			}
		}
		switch {
		case slices.ContainsFunc(missing, func(m string) bool { return strings.Contains(m, " pods") }):
			r.add(Problem, about, "the rules leave out %s: images get past there", strings.Join(missing, ", "))
		case len(missing) > 0:
			r.add(Risk, about, "the rules leave out %s: what is wrong is only said when pods are made", strings.Join(missing, ", "))
		default:
			r.add(Fine, about, "the rules have all kinds with images")
		}
	}
	r.bundle(about, w, m, now)
}

// bundle looks at the authority of the certificate of the webhook.
func (r *Report) bundle(about string, w *webhook, m metadata, now time.Time) {
	text := []byte(w.ClientConfig.CABundle)
	if len(text) == 0 {
		for _, key := range []string{"cert-manager.io/inject-ca-from", "cert-manager.io/inject-ca-from-secret"} {
			if m.Annotations[key] != "" {
				r.add(Fine, about, "the CA bundle is put in by cert-manager from %s; run this on what the cluster has to see its end", m.Annotations[key])
				return
			}
		}
		r.add(Problem, about, "there is no CA bundle, so that API servers do not believe the webhook")
		return
	}
	var decoded []byte
	if err := jsonv2.Unmarshal([]byte(`"`+w.ClientConfig.CABundle+`"`), &decoded); err != nil {
		r.add(Problem, about, "the CA bundle is not in base64")
		return
	}
	var last time.Time
	n := 0
	for block, rest := pem.Decode(decoded); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			r.add(Problem, about, "the CA bundle has a certificate that cannot be read: %v", err)
			return
		}
		n++
		if cert.NotAfter.After(last) {
			last = cert.NotAfter
		}
	}
	switch day := last.UTC().Format(time.DateOnly); {
	case n == 0:
		r.add(Problem, about, "the CA bundle has no certificate")
	case now.After(last):
		r.add(Problem, about, "the CA bundle ended on %s: API servers do not believe the webhook", day)
	case now.After(last.AddDate(0, 0, -30)):
		r.add(Risk, about, "the CA bundle ends on %s, in less than 30 days", day)
	default:
		r.add(Fine, about, "the CA bundle has %d certificates, of which the last ends on %s", n, day)
	}
}

// itself looks at the pods that answer.
func (r *Report) itself(c *cluster, own string, ours []*webhook) {
	s := ours[0].ClientConfig.Service
	about := "Service " + own + "/" + s.Name
	selects, ok := c.services[own+"/"+s.Name]
	if !ok {
		r.add(Risk, about, "it is not among the objects, so that the pods behind it are not known; pass them too")
		return
	}
	found := false
	for _, w := range c.workloads {
		if w.Namespace != own || len(selects) == 0 || !(&selector{MatchLabels: selects}).matches(w.labels) {
			continue
		}
		found = true
		about := w.String()
		if w.replicas == 1 {
			r.add(Problem, about, "it has one replica: while that restarts, nothing gets in; use 3")
		} else {
			r.add(Fine, about, "it has %d replicas", w.replicas)
		}
		if !w.spread && w.replicas > 1 {
			r.add(Risk, about, "its replicas may all be on one node: give it topologySpreadConstraints or an anti-affinity")
		}
		budget := false
		for i, b := range c.budgets {
			budget = budget || c.budgetIn[i] == own && b.matches(w.labels)
		}
		if !budget {
			r.add(Risk, about, "it has no PodDisruptionBudget: draining nodes can take all replicas at once")
		}
		for _, image := range w.untagged {
			r.add(Risk, about, "its image %s has no digest", image)
		}
	}
	if !found {
		r.add(Risk, about, "no workload among the objects has the pods behind it")
	}
}

// restart goes through what happens when all nodes start at once: the webhook does not
// answer until its own pods run, and those need the network and names of the cluster.
func (r *Report) restart(c *cluster, own string, ours []*webhook) {
	intercepted := func(namespace string) bool {
		return slices.ContainsFunc(ours, func(w *webhook) bool {
			return w.FailurePolicy != "Ignore" && w.intercepts(namespace, c.namespaces[namespace])
		})
	}
	for _, namespace := range []string{"kube-system", own} {
		if intercepted(namespace) {
			r.add(Problem, "namespace "+namespace, "its pods go through the webhook: after a restart they wait for it, and it waits for them; exclude %s by namespaceSelector (%s NotIn) or a match condition", namespace, nameLabel)
		} else {
			r.add(Fine, "namespace "+namespace, "its pods do not go through the webhook, so that they come up without it")
		}
	}
	for _, w := range c.workloads {
		namespace := w.Namespace
		if namespace == "" {
			namespace = "default"
		}
		start := Start{Workload: w.String(), Order: "after", Why: "its pods go through the webhook"}
		needed := ""
		switch {
		case namespace == own:
			needed = "the webhook needs it"
		case namespace == "kube-system" || strings.HasPrefix(w.priority, "system-"):
			needed = "the cluster needs it"
		case w.hostNetwork && w.Kind.Kind == "DaemonSet":
			needed = "it is on the network of each node, as what makes the network of the pods is"
		}
		switch {
		case !intercepted(namespace):
			start.Order, start.Why = "without", "its namespace is excluded"
		case needed != "":
			start.Order, start.Why = "never", needed+", and its pods go through the webhook"
			if namespace != own && namespace != "kube-system" {
				level, end := Problem, "exclude its namespace"
				if !strings.HasPrefix(w.priority, "system-") {
					level, end = Risk, "if the webhook needs it to start, exclude its namespace"
				}
				r.add(level, w.String(), "%s: %s", start.Why, end)
				if level == Risk {
					start.Order = "after"
				}
			}
		}
		r.Restart = append(r.Restart, start)
	}
	for _, conf := range c.configurations {
		for i := range conf.Webhooks {
			w := &conf.Webhooks[i]
			if !strings.Contains(w.Name, "gatehouse") && w.FailurePolicy != "Ignore" && w.intercepts(own, c.namespaces[own]) {
				r.add(Risk, conf.Kind.Kind+" "+conf.Metadata.Name+", "+w.Name, "the pods of the webhook go through this other one: if that waits for an image that has to be admitted first, neither starts")
			}
		}
	}
}

func read(objects []manifest.Object) (*cluster, error) {
	c := &cluster{namespaces: map[string]map[string]string{}, services: map[string]map[string]string{}}
	for _, o := range objects {
		var err error
		switch o.Kind.Group + "/" + o.Kind.Kind {
		case "admissionregistration.k8s.io/ValidatingWebhookConfiguration", "admissionregistration.k8s.io/MutatingWebhookConfiguration":
			var conf configuration
			err = jsonv2.Unmarshal(o.JSON, &conf)
			c.configurations = append(c.configurations, configured{o, conf})
		case "/Namespace":
			var n struct {
				Metadata metadata `json:"metadata"`
			}
			err = jsonv2.Unmarshal(o.JSON, &n)
			c.namespaces[o.Name] = n.Metadata.Labels
		case "/Service":
			var s struct {
				Spec struct {
					Selector map[string]string `json:"selector"`
				} `json:"spec"`
			}
			err = jsonv2.Unmarshal(o.JSON, &s)
			c.services[o.Namespace+"/"+o.Name] = s.Spec.Selector
		case "policy/PodDisruptionBudget":
			var b struct {
				Spec struct {
					Selector selector `json:"selector"`
				} `json:"spec"`
			}
			err = jsonv2.Unmarshal(o.JSON, &b)
			c.budgets, c.budgetIn = append(c.budgets, b.Spec.Selector), append(c.budgetIn, o.Namespace)
		case "apps/Deployment", "apps/DaemonSet", "apps/StatefulSet":
			var w workload
			w, err = readWorkload(o)
			c.workloads = append(c.workloads, w)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", o.Place, o, err)
		}
	}
	return c, nil
}

func readWorkload(o manifest.Object) (workload, error) {
	var d struct {
		Spec struct {
			Replicas *int `json:"replicas"`
			Template struct {
				Metadata metadata `json:"metadata"`
				Spec     struct {
					HostNetwork bool   `json:"hostNetwork"`
					Priority    string `json:"priorityClassName"`
					Spread      []any  `json:"topologySpreadConstraints"`
					Affinity    struct {
						Anti any `json:"podAntiAffinity"`
					} `json:"affinity"`
				} `json:"spec"`
			} `json:"template"`
		} `json:"spec"`
	}
	if err := jsonv2.Unmarshal(o.JSON, &d); err != nil {
		return workload{}, err
	}
	w := workload{Object: o, replicas: 1, labels: d.Spec.Template.Metadata.Labels}
	if d.Spec.Replicas != nil {
		w.replicas = *d.Spec.Replicas
	}
	spec := d.Spec.Template.Spec
	w.hostNetwork, w.priority, w.spread = spec.HostNetwork, spec.Priority, len(spec.Spread) > 0 || spec.Affinity.Anti != nil
	images, err := admission.Carriers(o.Kind, o.JSON, nil)
	if err != nil {
		return workload{}, err
	}
	for _, i := range images {
		if !strings.Contains(i.Image, "@sha256:") {
			w.untagged = append(w.untagged, i.Image)
		}
	}
	return w, nil
}
