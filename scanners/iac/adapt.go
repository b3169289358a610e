package iac

import (
	"fmt"

	"github.com/aquasecurity/trivy/pkg/iac/adapters/terraform/azure"
	"github.com/aquasecurity/trivy/pkg/iac/adapters/terraform/cloudstack"
	"github.com/aquasecurity/trivy/pkg/iac/adapters/terraform/digitalocean"
	"github.com/aquasecurity/trivy/pkg/iac/adapters/terraform/github"
	"github.com/aquasecurity/trivy/pkg/iac/adapters/terraform/google"
	"github.com/aquasecurity/trivy/pkg/iac/adapters/terraform/kubernetes"
	"github.com/aquasecurity/trivy/pkg/iac/adapters/terraform/nifcloud"
	"github.com/aquasecurity/trivy/pkg/iac/adapters/terraform/openstack"
	"github.com/aquasecurity/trivy/pkg/iac/adapters/terraform/oracle"
	"github.com/aquasecurity/trivy/pkg/iac/state"
	tf "github.com/aquasecurity/trivy/pkg/iac/terraform"
)

// adapt turns modules into the state of cloud resources, provider by provider.
// The adapters crash on some odd resources; the errors say for which providers
// the state is missing.
func adapt(modules tf.Modules) (*state.State, []error) {
	s := &state.State{}
	var errs []error
	for _, p := range []struct {
		name  string
		adapt func()
	}{
		{"aws", func() { s.AWS = adaptAWS(modules, bucketsAtOnce) }},
		{"azure", func() { s.Azure = azure.Adapt(modules) }},
		{"cloudstack", func() { s.CloudStack = cloudstack.Adapt(modules) }},
		{"digitalocean", func() { s.DigitalOcean = digitalocean.Adapt(modules) }},
		{"github", func() { s.GitHub = github.Adapt(modules) }},
		{"google", func() { s.Google = google.Adapt(modules) }},
		{"kubernetes", func() { s.Kubernetes = kubernetes.Adapt(modules) }},
		{"nifcloud", func() { s.Nifcloud = nifcloud.Adapt(modules) }},
		{"openstack", func() { s.OpenStack = openstack.Adapt(modules) }},
		{"oracle", func() { s.Oracle = oracle.Adapt(modules) }},
	} {
		if err := guarded(p.adapt); err != nil {
			errs = append(errs, fmt.Errorf("the resources of the provider %s could not be read (%w)", p.name, err))
		}
	}
	return s, errs
}

// guarded turns a panic into an error.
func guarded(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("crash: %v", p)
		}
	}()
	f()
	return nil
}
