package pipeline

import "strings"

// wellKnown are owners of actions that very many workflows use, with the
// repositories they are used for.
var wellKnown = map[string][]string{
	"actions":               {"checkout", "setup-node", "setup-python", "setup-go", "setup-java", "setup-dotnet", "cache", "upload-artifact", "download-artifact", "github-script", "deploy-pages", "configure-pages", "upload-pages-artifact", "labeler", "stale", "attest-build-provenance", "create-github-app-token", "dependency-review-action"},
	"docker":                {"login-action", "build-push-action", "setup-buildx-action", "setup-qemu-action", "metadata-action", "bake-action"},
	"github":                {"codeql-action"},
	"codecov":               {"codecov-action"},
	"softprops":             {"action-gh-release"},
	"peaceiris":             {"actions-gh-pages", "actions-hugo"},
	"goreleaser":            {"goreleaser-action"},
	"golangci":              {"golangci-lint-action"},
	"aws-actions":           {"configure-aws-credentials", "amazon-ecr-login", "amazon-ecs-deploy-task-definition"},
	"google-github-actions": {"auth", "setup-gcloud", "deploy-cloudrun", "get-gke-credentials"},
	"hashicorp":             {"setup-terraform", "vault-action"},
	"peter-evans":           {"create-pull-request", "create-or-update-comment", "repository-dispatch"},
	"dtolnay":               {"rust-toolchain"},
	"swatinem":              {"rust-cache"},
	"astral-sh":             {"setup-uv", "ruff-action"},
	"aquasecurity":          {"trivy-action", "setup-trivy"},
	"sigstore":              {"cosign-installer"},
	"sonarsource":           {"sonarqube-scan-action", "sonarcloud-github-action"},
	"gradle":                {"actions"},
	"tj-actions":            {"changed-files"},
	"dorny":                 {"paths-filter", "test-reporter"},
	"shivammathur":          {"setup-php"},
	"dawidd6":               {"action-download-artifact", "action-send-mail"},
}

// resembles is the well-known action that a name is nearly that of: its owner
// is one slip away, and the repository is the same. "" if there is none.
func resembles(name string) string {
	owner, rest, ok := strings.Cut(strings.ToLower(name), "/")
	if !ok || wellKnown[owner] != nil {
		return ""
	}
	repo, _, _ := strings.Cut(rest, "/")
	for known, repos := range wellKnown {
		if !oneSlip(owner, known) {
			continue
		}
		for _, r := range repos {
			if r == repo {
				return known + "/" + r
			}
		}
	}
	return ""
}

// oneSlip reports whether a is b with one letter left out, doubled, added,
// replaced, or two neighbours swapped.
func oneSlip(a, b string) bool {
	if a == b || len(b) < 5 {
		return false
	}
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	j := 0
	for j < len(a)-i && j < len(b)-i && a[len(a)-1-j] == b[len(b)-1-j] {
		j++
	}
	x, y := a[i:len(a)-j], b[i:len(b)-j]
	switch {
	case len(x) <= 1 && len(y) <= 1:
		return true
	case len(x) == 2 && len(y) == 2:
		return x[0] == y[1] && x[1] == y[0]
	case len(x) == 3 && len(y) == 3: // a letter moved by two places
		return x[0] == y[1] && x[1] == y[2] && x[2] == y[0] || x[0] == y[2] && x[1] == y[0] && x[2] == y[1]
	}
	return false
}
