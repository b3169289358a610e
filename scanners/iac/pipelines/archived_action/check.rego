# METADATA
# title: An action is used that nobody maintains
# description: |
#   Its repository is archived: flaws that are found are not mended.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-03-Dependency-Chain-Abuse
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-08-Ungoverned-Usage-of-3rd-Party-Services
# custom:
#   id: PIPE-0035
#   long_id: pipeline-archived-action
#   aliases:
#     - archived-uses
#   controls:
#     - CICD-SEC-3
#     - CICD-SEC-8
#   severity: MEDIUM
#   recommended_action: Use what its authors name as the successor
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.archived_action

import rego.v1

import data.lib.pipeline

archived := {
	"actions/setup-ruby", "actions/create-release", "actions/upload-release-asset", "actions/setup-haskell", "actions/setup-elixir",
	"actions-rs/toolchain", "actions-rs/cargo", "actions-rs/clippy-check", "actions-rs/audit-check", "actions-rs/install", "actions-rs/tarpaulin", "actions-rs/grcov", "actions-rs/components-nightly",
	"andrewmcodes/rubocop-linter-action", "artichoke/setup-rust", "aws-actions/configure-aws-credentials-legacy", "azure/container-scan", "azure/k8s-actions", "azure/publish-security-assessments",
	"cedrickring/golang-action", "decathlon/pull-request-labeler-action", "dulvui/godot-android-export", "fregante/title-to-labels",
	"google-github-actions/setup-cloud-run", "google-github-actions/release-please-action", "gradle/gradle-build-action", "gradle/wrapper-validation-action",
	"grafana/k6-action", "helaili/jekyll-action", "hecrj/setup-rust-action", "marvinpinto/action-automatic-releases", "nick-invision/retry", "peter-evans/close-fork-pulls",
	"rubygems/configure-rubygems-credentials-legacy", "semgrep/semgrep-action", "returntocorp/semgrep-action", "sergeysova/jq-action", "8398a7/action-slack", "repo-sync/pull-request",
	"crazy-max/ghaction-docker-buildx", "whelk-io/maven-settings-xml-action", "technote-space/auto-cancel-redundant-workflow", "styfle/cancel-workflow-action-legacy", "mheap/github-action-required-labels-legacy",
	"stefanzweifel/changelog-updater-action-legacy", "actions/starter-workflows-legacy", "facebook/install-dotslash-legacy", "elgohr/publish-docker-github-action-legacy",
}

deny contains res if {
	some u in input.uses
	u.sort in {"action", "workflow"}
	parts := split(lower(u.name), "/")
	count(parts) >= 2
	repo := concat("/", [parts[0], parts[1]])
	repo in archived
	res := pipeline.at(u.line, u.name, sprintf("The repository of %q is archived.", [u.text]))
}
