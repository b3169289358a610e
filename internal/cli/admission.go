package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gatehouse-sec/gatehouse/admission"
	"github.com/gatehouse-sec/gatehouse/admission/export"
	"github.com/gatehouse-sec/gatehouse/admission/fallback"
	"github.com/gatehouse-sec/gatehouse/admission/installation"
	"github.com/gatehouse-sec/gatehouse/admission/manifest"
	"github.com/gatehouse-sec/gatehouse/admission/server"
	"github.com/gatehouse-sec/gatehouse/attest"
	"github.com/gatehouse-sec/gatehouse/attest/store"
	"github.com/gatehouse-sec/gatehouse/internal/config"
	"github.com/gatehouse-sec/gatehouse/internal/limits"
	"github.com/gatehouse-sec/gatehouse/internal/registry"
)

func (a *app) admissionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "admission",
		Short: "Try out and look after what a cluster lets in",
		Long: `The webhook gatehouse-admission lets into a cluster only what is attested as its
configuration asks for. These commands say beforehand what it would do, and
whether it is installed so that nothing gets past it and the cluster can start.

The configuration of the webhook is named with --config.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.admissionTestCommand(), a.admissionDoctorCommand(), a.admissionFallbackCommand(), a.admissionExportCommand(), a.admissionExceptCommand())
	return cmd
}

type admissionFlags struct {
	files        []string
	namespace    string
	attestations string
	noPinning    bool
	output       string
}

func (a *app) admissionTestCommand() *cobra.Command {
	var f admissionFlags
	cmd := &cobra.Command{
		Use:   "test -f FILE --config FILE",
		Short: "Decide about manifests as the webhook would",
		Long: `test decides about each object of the manifests in FILE (- for standard input) as
the webhook would when it is created, and about the pod that it makes. Registries
are asked as the webhook asks them; with --attestations none is asked, and only
what is in that directory counts.

The exit code is 0 if all is let in, 1 if something is denied, 2 if the question
cannot be answered, 3 if something has images that the webhook does not see, and
4 if nothing has images.`,
		Example: `  gatehouse admission test -f app.yaml --config gate.yaml
  helm template shop | gatehouse admission test -f - --config gate.yaml -n shop
  gatehouse admission test -f app.yaml --config gate.yaml --attestations attestations -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.admissionTest(cmd.Context(), &f) },
	}
	fl := cmd.Flags()
	f.register(cmd)
	fl.StringVarP(&f.namespace, "namespace", "n", "default", "namespace of objects that name none")
	fl.StringVar(&f.attestations, "attestations", "", "directory of attestations, instead of the registries")
	fl.BoolVar(&f.noPinning, "no-pinning", false, "as if the webhook that pins tags to digests were not installed")
	fl.StringVarP(&f.output, "output", "o", "text", "text or json")
	must(cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func (f *admissionFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&f.files, "filename", "f", nil, "file with manifests, or -; repeatable")
	must(cmd.MarkFlagRequired("filename"))
}

// admissionResult is what becomes of one object.
type admissionResult struct {
	Object   string   `json:"object"`
	Place    string   `json:"place"`
	Allowed  bool     `json:"allowed"`
	Message  string   `json:"message,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Unseen are places with images that the webhook does not look at.
	Unseen []string `json:"unseen,omitempty"`
}

func (a *app) admissionTest(ctx context.Context, f *admissionFlags) error {
	if f.output != "text" && f.output != "json" {
		return fmt.Errorf("-o %s: want text or json", f.output)
	}
	loaded, admitter, err := a.admitter(f.attestations)
	if err != nil {
		return err
	}
	objects, err := a.manifests(f.files)
	if err != nil {
		return err
	}
	results := []admissionResult{}
	counts := map[int]int{}
	for _, o := range objects {
		if o.Namespace == "" {
			o.Namespace = f.namespace
		}
		r := admissionResult{Object: o.String(), Place: o.Place}
		if !admission.HasPods(o.Kind, loaded.Custom) {
			if r.Unseen = admission.HiddenImages(o.JSON); len(r.Unseen) == 0 {
				continue
			}
			r.Message = "it is not among custom_resources"
			counts[exitIncomplete]++
			results = append(results, r)
			continue
		}
		d, err := admissionDecision(ctx, admitter, loaded.Custom, o, !f.noPinning)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", o.Place, o, err)
		}
		r.Allowed, r.Message, r.Warnings = d.Allowed, d.Message, d.Warnings
		if r.Allowed {
			counts[exitPass]++
		} else {
			counts[exitFail]++
		}
		results = append(results, r)
	}
	if len(results) == 0 {
		return &exitError{exitNothing, fmt.Errorf("none of the %d objects has images", len(objects))}
	}
	if err := a.writeAdmission(f.output, results, counts); err != nil {
		return err
	}
	switch {
	case counts[exitFail] > 0:
		return silently(exitFail)
	case counts[exitIncomplete] > 0:
		return silently(exitIncomplete)
	}
	return nil
}

// admissionDecision is that about the object, or if it is let in that about its pod.
func admissionDecision(ctx context.Context, admitter *admission.Admitter, custom []admission.CustomPath, o manifest.Object, pinning bool) (admission.Decision, error) {
	create := func(kind admission.GroupVersionKind, object []byte) (admission.Decision, error) {
		r := &admission.Request{UID: "test", Kind: kind, Operation: "CREATE", Namespace: o.Namespace, Name: o.Name, Object: object, DryRun: true}
		if pinning {
			var err error
			if r.Object, err = admission.Apply(object, admitter.Mutate(ctx, r).Patch); err != nil {
				return admission.Decision{}, err
			}
		}
		return admitter.Validate(ctx, r), nil
	}
	d, err := create(o.Kind, o.JSON)
	if err != nil || !d.Allowed {
		return d, err
	}
	pod, ok := admission.Pod(o.Kind, o.JSON, custom)
	if !ok {
		return d, nil
	}
	of, err := create(admission.GroupVersionKind{Version: "v1", Kind: "Pod"}, pod)
	if !of.Allowed {
		of.Message = strings.Replace(of.Message, "gatehouse: ", "gatehouse: its pods: ", 1)
	}
	of.Warnings = slices.Compact(slices.Sorted(slices.Values(slices.Concat(d.Warnings, of.Warnings))))
	return of, err
}

func (a *app) writeAdmission(format string, results []admissionResult, counts map[int]int) error {
	if format == "json" {
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(struct {
			Version int               `json:"version"`
			Objects []admissionResult `json:"objects"`
		}{1, results})
	}
	var b strings.Builder
	for _, r := range results {
		word := "denied "
		switch {
		case r.Allowed:
			word = "allowed"
		case len(r.Unseen) > 0:
			word = "unseen "
		}
		fmt.Fprintf(&b, "%s  %s (%s)\n", word, clean(r.Object), clean(r.Place))
		for _, line := range strings.Split(strings.TrimPrefix(r.Message, "gatehouse: "), "; image ") {
			if line != "" {
				fmt.Fprintf(&b, "         %s\n", clean(line))
			}
		}
		for _, place := range r.Unseen {
			fmt.Fprintf(&b, "         it has images at %s\n", clean(cmp.Or(place, "its root")))
		}
		for _, w := range r.Warnings {
			fmt.Fprintf(&b, "         warning: %s\n", clean(w))
		}
	}
	fmt.Fprintf(&b, "%d allowed, %d denied, %d not seen\n", counts[exitPass], counts[exitFail], counts[exitIncomplete])
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

// admitter decides by the configuration that --config names.
func (a *app) admitter(attestations string) (*server.Loaded, *admission.Admitter, error) {
	loaded, err := a.admissionConfig()
	if err != nil {
		return nil, nil, err
	}
	if attestations == "" {
		admitter, err := loaded.Admitter(nil, a.now)
		return loaded, admitter, err
	}
	admitter, err := loaded.AdmitterWith(stored{store.Dir(attestations)}, a.now)
	return loaded, admitter, err
}

func (a *app) admissionConfig() (*server.Loaded, error) {
	if a.configPath == "" {
		return nil, errors.New("--config is needed: the configuration of the webhook")
	}
	return server.Load(a.configPath, a.now)
}

// stored finds attestations in a directory, and asks no registry.
type stored struct{ dir store.Dir }

func (s stored) Resolve(context.Context, admission.Puller, registry.Image) (attest.Digest, error) {
	return "", errors.New("it has a tag, and no registry is asked for its digest")
}

func (s stored) Attestations(ctx context.Context, _ admission.Puller, _ registry.Image, digest attest.Digest) ([]attest.Attestation, error) {
	return s.dir.Attestations(ctx, digest)
}

func (stored) Older(context.Context, admission.Puller, registry.Image, attest.Digest) ([]attest.Attestation, error) {
	return nil, nil
}

// manifests reads the files; - is standard input.
func (a *app) manifests(files []string) ([]manifest.Object, error) {
	var out []manifest.Object
	for _, name := range files {
		var data []byte
		var err error
		if name == "-" {
			name = "standard input"
			if data, err = io.ReadAll(io.LimitReader(a.stdin, limits.MaxManifestsBytes+1)); len(data) > limits.MaxManifestsBytes {
				err = fmt.Errorf("standard input has more than %d bytes, the limit", limits.MaxManifestsBytes)
			}
		} else {
			data, err = config.ReadBounded(name, limits.MaxManifestsBytes)
		}
		if err != nil {
			return nil, fmt.Errorf("read the manifests: %w", err)
		}
		objects, err := manifest.Parse(name, data)
		if err != nil {
			return nil, err
		}
		out = append(out, objects...)
	}
	return out, nil
}

func (a *app) admissionDoctorCommand() *cobra.Command {
	var f admissionFlags
	cmd := &cobra.Command{
		Use:   "doctor -f FILE",
		Short: "Say whether something gets past the webhook, and whether the cluster can start with it",
		Long: `doctor looks at the objects in FILE: the webhook configurations, and as much else
of the cluster as there is. It checks failure policy, rules, selectors, time limits,
the end of the CA bundle, and the replicas behind it; then it goes through a start
of all nodes at once and says which pods come up without the webhook, which after
it, and which never, as they wait for something that waits for them.

The exit code is 1 if there is a problem, and 2 if there is no webhook of gatehouse
among the objects.`,
		Example: `  helm template gatehouse deploy/helm | gatehouse admission doctor -f -
  kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations,namespaces,services,pdb,deployments,daemonsets,statefulsets -A -o yaml |
    gatehouse admission doctor -f -`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.admissionDoctor(&f) },
	}
	f.register(cmd)
	cmd.Flags().StringVarP(&f.output, "output", "o", "text", "text or json")
	must(cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func (a *app) admissionDoctor(f *admissionFlags) error {
	if f.output != "text" && f.output != "json" {
		return fmt.Errorf("-o %s: want text or json", f.output)
	}
	objects, err := a.manifests(f.files)
	if err != nil {
		return err
	}
	report, err := installation.Examine(objects, a.now())
	if err != nil {
		return err
	}
	if f.output == "json" {
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		err = enc.Encode(struct {
			Version int `json:"version"`
			*installation.Report
		}{1, report})
	} else {
		var b strings.Builder
		for _, r := range report.Results {
			fmt.Fprintf(&b, "%-8s %s\n         %s\n", r.Level, clean(r.About), clean(r.Message))
		}
		if len(report.Restart) > 0 {
			b.WriteString("\nif all nodes start at once:\n")
		}
		for _, s := range report.Restart {
			fmt.Fprintf(&b, "%-8s %s: %s\n", s.Order, clean(s.Workload), clean(s.Why))
		}
		_, err = io.WriteString(a.stdout, b.String())
	}
	if err == nil && report.Problems() {
		return silently(exitFail)
	}
	return err
}

func (a *app) admissionFallbackCommand() *cobra.Command {
	var f admissionFlags
	var exclude []string
	cmd := &cobra.Command{
		Use:   "fallback -f FILE --config FILE",
		Short: "Write what lets in known digests while the webhook is down",
		Long: `fallback decides about the images of the manifests in FILE as the webhook would, and
writes those that are let in as a list of approved digests, with a policy of
Kubernetes itself (ValidatingAdmissionPolicy) that lets in these digests and no
other. API servers enforce it without the webhook.

Images that are denied are left out and named on standard error.`,
		Example: `  kubectl get pods -A -o yaml | gatehouse admission fallback -f - --config gate.yaml > fallback.yaml`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.admissionFallback(cmd.Context(), &f, exclude) },
	}
	f.register(cmd)
	cmd.Flags().StringVarP(&f.namespace, "namespace", "n", "default", "namespace of objects that name none")
	cmd.Flags().StringVar(&f.attestations, "attestations", "", "directory of attestations, instead of the registries")
	cmd.Flags().StringSliceVar(&exclude, "exclude-namespace", []string{"kube-system", "gatehouse"}, "namespaces that the policy leaves out")
	return cmd
}

func (a *app) admissionFallback(ctx context.Context, f *admissionFlags, exclude []string) error {
	loaded, admitter, err := a.admitter(f.attestations)
	if err != nil {
		return err
	}
	objects, err := a.manifests(f.files)
	if err != nil {
		return err
	}
	approved := map[attest.Digest]string{}
	for _, o := range objects {
		if !admission.HasPods(o.Kind, loaded.Custom) || slices.Contains(exclude, o.Namespace) {
			continue
		}
		carriers, err := admission.Carriers(o.Kind, o.JSON, loaded.Custom)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", o.Place, o, err)
		}
		for _, c := range carriers {
			name, digest, err := admitter.Approve(ctx, cmp.Or(o.Namespace, f.namespace), c.Image)
			if err != nil {
				a.say("left out: %s: %s", o, err)
				continue
			}
			approved[digest] = name
		}
	}
	var list []fallback.Approved
	for _, digest := range slices.Sorted(maps.Keys(approved)) {
		list = append(list, fallback.Approved{Digest: digest, Image: approved[digest]})
	}
	text, err := fallback.Manifests(list, exclude)
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(text)
	return err
}

func (a *app) admissionExportCommand() *cobra.Command {
	var kyverno, policyController bool
	cmd := &cobra.Command{
		Use:   "export --config FILE (--kyverno | --policy-controller)",
		Short: "Write the configuration as policies of other admission controllers",
		Long: `export writes the policies of the configuration for those who run Kyverno or the
policy-controller of sigstore instead of the webhook. What these cannot express is
named on standard error and in comments of the output.`,
		Example: `  gatehouse admission export --config gate.yaml --kyverno | kubectl apply -f -`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			write := export.Kyverno
			if policyController {
				write = export.PolicyController
			}
			return a.admissionExport(write)
		},
	}
	cmd.Flags().BoolVar(&kyverno, "kyverno", false, "a ClusterPolicy of Kyverno for each policy")
	cmd.Flags().BoolVar(&policyController, "policy-controller", false, "a ClusterImagePolicy of sigstore's policy-controller for each policy")
	cmd.MarkFlagsOneRequired("kyverno", "policy-controller")
	cmd.MarkFlagsMutuallyExclusive("kyverno", "policy-controller")
	return cmd
}

func (a *app) admissionExport(write func(*admission.Config) ([]byte, []string, error)) error {
	loaded, err := a.admissionConfig()
	if err != nil {
		return err
	}
	text, left, err := write(loaded.Config)
	if err != nil {
		return fmt.Errorf("%s: %w", a.configPath, err)
	}
	var b bytes.Buffer
	for _, line := range left {
		a.say("%s", line)
		fmt.Fprintf(&b, "# %s\n", clean(line))
	}
	b.Write(text)
	_, err = a.stdout.Write(b.Bytes())
	return err
}

func (a *app) admissionExceptCommand() *cobra.Command {
	var key, lasts string
	var e admission.Exception
	cmd := &cobra.Command{
		Use:   "except --key KEY --digest DIGEST -n NAMESPACE",
		Short: "Sign an exception: one image in one namespace, for a while",
		Long: `except signs that the webhook lets in the image with DIGEST in NAMESPACE, whatever
its policies say, from now on and for at most four days. The exception goes to
standard output; put it beside the configuration and name it there:

  exceptions:
    keys: [breakglass.pub]
    files: [night.json]

Each use is a warning, and stands in the audit log of the API server.`,
		Example: `  gatehouse admission except --key breakglass.key -n shop --digest sha256:… --for 8h --approver ann --reason "the build is down" > night.json`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			age, err := attest.ParseAge(lasts)
			if err != nil {
				return fmt.Errorf("--for: %w", err)
			}
			e.Created = a.now().UTC().Truncate(time.Second)
			e.Expires = e.Created.Add(age)
			return a.admissionExcept(key, e)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&key, "key", "", "private key that signs")
	fl.StringVar((*string)(&e.Digest), "digest", "", "digest of the image")
	fl.StringVarP(&e.Namespace, "namespace", "n", "", "the namespace")
	fl.StringVar(&e.Reason, "reason", "", "why, for those who read it later")
	fl.StringVar(&e.Approver, "approver", "", "who approved it")
	fl.StringVar(&lasts, "for", "8h", "how long, at most 4d")
	for _, name := range []string{"key", "digest", "namespace", "reason", "approver"} {
		must(cmd.MarkFlagRequired(name))
	}
	return cmd
}

func (a *app) admissionExcept(keyFile string, e admission.Exception) error {
	payload, err := e.Payload()
	if err != nil {
		return err
	}
	key, err := a.loadKey(keyFile)
	if err != nil {
		return err
	}
	sig, err := key.SignMessage(context.Background(), attest.PAE(admission.ExceptionType, payload))
	if err != nil {
		return err
	}
	envelope, err := attest.Envelope{PayloadType: admission.ExceptionType, Payload: payload, Signatures: []attest.Signature{{KeyID: key.Public().ID(), Sig: sig}}}.Marshal()
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(append(envelope, '\n'))
	return err
}
