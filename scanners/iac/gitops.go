package iac

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
)

// isGitOps reports whether an object tells Argo CD or Flux what to deploy, or
// configures them.
func isGitOps(doc *yaml.Node) bool {
	version := document.String(doc, "apiVersion")
	switch {
	case strings.HasPrefix(version, "argoproj.io/"), strings.Contains(version, ".toolkit.fluxcd.io/"):
		return true
	case version != "v1":
		return false
	}
	switch document.String(doc, "kind") {
	case "ConfigMap":
		return strings.HasPrefix(document.String(doc, "metadata", "name"), "argocd-")
	case "Secret":
		return document.String(doc, "metadata", "labels", "argocd.argoproj.io/secret-type") != ""
	}
	return false
}
