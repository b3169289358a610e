# METADATA
# title: A release is built with a cache that others can fill
# description: |
#   Any workflow on the default branch can write the cache, so code that ran there once can get into what is
#   published, without a trace in the source.
# related_resources:
#   - https://adnanthekhan.com/2024/05/06/the-monsters-in-your-build-cache-github-actions-cache-poisoning/
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-09-Improper-Artifact-Integrity-Validation
# custom:
#   id: PIPE-0021
#   long_id: pipeline-cache-poisoning
#   aliases:
#     - cache-poisoning
#   controls:
#     - CICD-SEC-9
#   severity: MEDIUM
#   recommended_action: Do not use caches in workflows that publish
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.cache_poisoning

import rego.v1

import data.lib.pipeline

deny contains res if {
	some job in input.jobs
	some step in job.steps
	pipeline.runs(step)
	cached(step)
	publishes(job)
	res := pipeline.at(step.line, pipeline.place(job, step), sprintf("%s may restore a cache in a workflow that publishes.", [step.action]))
}

publishes(_) if {
	release_trigger
	not tests_only
}

# It also runs for pull requests, and nothing in it publishes.
tests_only if {
	some t in input.triggers
	t.name == "pull_request"
	every job in input.jobs {
		not pipeline.may_write(job, "contents")
		not pipeline.may_write(job, "packages")
		not pipeline.may_write(job, "id-token")
	}
}

publishes(job) if {
	some step in job.steps
	publisher(step)
}

release_trigger if {
	some t in input.triggers
	t.name == "release"
}

release_trigger if {
	some t in input.triggers
	t.name == "push"
	count(t.tags) > 0
}

release_trigger if release_branch

release_branch if {
	some t in input.triggers
	t.name == "push"
	some b in t.branches
	regex.match(`(?i)\brelease`, b)
}

publisher(step) if step.action in {
	"softprops/action-gh-release", "pypa/gh-action-pypi-publish", "goreleaser/goreleaser-action", "rubygems/release-gem",
	"ncipollo/release-action", "actions/create-release", "svenstaro/upload-release-action", "js-devtools/npm-publish",
	"changesets/action", "release-drafter/release-drafter", "cycjimmy/semantic-release-action", "googleapis/release-please-action",
	"actions/upload-release-asset", "actions/attest-build-provenance", "katyo/publish-crates", "cloudflare/wrangler-action",
	"azure/webapps-deploy", "google-github-actions/deploy-cloudrun", "actions/deploy-pages", "marvinpinto/action-automatic-releases",
}

publisher(step) if {
	step.action in {"docker/build-push-action", "redhat-actions/push-to-registry"}
	pipeline.value_of(step, "push") in {"true"}
}

publisher(step) if {
	some l in step.lines
	regex.match(`\b(npm|pnpm|bun)\s+publish\b|\byarn\s+(npm\s+)?publish\b|\bcargo\s+(\+\S+\s+)?publish\b|\btwine\s+upload\b|\buv\s+publish\b|\bpoetry\s+publish\b|\bgem\s+push\b|\bnuget\s+push\b|\bgh\s+release\s+(create|upload)\b|\bdocker\s+push\b`, l.text)
	not regex.match(`\s(--dry-run|-n)\b`, l.text)
}

# Actions that use a cache unless told otherwise, with the input and value that turn it off.
opt_out := {
	"swatinem/rust-cache": {"lookup-only": "true"}, "actions/cache": {"lookup-only": "true"}, "actions/cache/restore": {"lookup-only": "true"},
	"actions/setup-go": {"cache": "false"}, "docker/setup-buildx-action": {"cache-binary": "false"}, "actions-rust-lang/setup-rust-toolchain": {"cache": "false"},
	"mlugg/setup-zig": {"use-cache": "false"}, "oven-sh/setup-bun": {"no-cache": "true"}, "determinatesystems/magic-nix-cache-action": {"use-gha-cache": "false"},
	"gradle/actions/setup-gradle": {"cache-disabled": "true"}, "gradle/gradle-build-action": {"cache-disabled": "true"}, "jdx/mise-action": {"cache": "false"},
	"ramsey/composer-install": {"ignore-cache": "true"}, "golangci/golangci-lint-action": {"skip-cache": "true"},
	"mozilla-actions/sccache-action": {}, "coursier/cache-action": {}, "hendrikmuehl/ccache-action": {}, "hendrikmuhs/ccache-action": {}, "nix-community/cache-nix-action": {},
	"prefix-dev/setup-pixi": {"cache": "false"}, "ruby/setup-ruby/cache": {},
}

# Actions that use one only if told to.
opt_in := {
	"actions/setup-node": ["cache"], "actions/setup-python": ["cache"], "actions/setup-java": ["cache"], "actions/setup-dotnet": ["cache"],
	"ruby/setup-ruby": ["bundler-cache"], "graalvm/setup-graalvm": ["cache"], "pyo3/maturin-action": ["sccache"], "pnpm/action-setup": ["cache"],
	"docker/build-push-action": ["cache-from", "cache-to"], "docker/bake-action": ["cache-from"], "actions/setup-elixir": ["cache"], "conda-incubator/setup-miniconda": ["use-cache"],
	"expo/expo-github-action": ["eas-cache", "expo-cache"], "subosito/flutter-action": ["cache"], "bufbuild/buf-action": ["cache"], "moonrepo/setup-rust": ["cache"],
	"nick-fields/assert-action": [], "astral-sh/setup-uv": ["enable-cache"],
}

cached(step) if {
	off := opt_out[step.action]
	not turned_off(step, off)
}

cached(step) if {
	some name in opt_in[step.action]
	value := lower(trim_space(pipeline.value_of(step, name)))
	not value in {"", "false", "no", "off"}
	not new_uv_auto(step, value)
	not skips_release(value)
	not none_of_github(step, value)
}

# Before version 10 it has a cache on machines of GitHub; a hash without a version in a comment says nothing.
cached(step) if {
	step.action == "astral-sh/setup-uv"
	not pipeline.given(step, "enable-cache")
	not new_uv(step)
}

new_uv(step) if major(step) >= 10

new_uv_auto(step, "auto") if major(step) >= 10

new_uv_auto(step, "auto") if not major(step)

# Since version 5 it has a cache for projects that name their package manager.
cached(step) if {
	step.action == "actions/setup-node"
	not pipeline.value_of(step, "package-manager-cache") == "false"
	not pipeline.given(step, "cache")
	major(step) >= 5
}

major(step) := to_number(regex.find_all_string_submatch_n(`v?([0-9]+)`, pipeline.version(step), 1)[0][1])

# An image is built with the cache of the service only with type=gha.
none_of_github(step, value) if {
	step.action in {"docker/build-push-action", "docker/bake-action"}
	not contains(value, "type=gha")
}

none_of_github(step, _) if {
	step.action == "docker/build-push-action"
	pipeline.value_of(step, "push") != "true"
}

turned_off(step, off) if {
	some name, value in off
	lower(pipeline.value_of(step, name)) == value
}

turned_off(step, off) if {
	some name, _ in off
	skips_release(lower(pipeline.value_of(step, name)))
}

turned_off(step, _) if {
	step.action == "docker/setup-buildx-action"
	not pipeline.given(step, "version")
}

turned_off(step, _) if {
	step.action == "docker/setup-buildx-action"
	not builds_and_pushes
}

builds_and_pushes if release_trigger

builds_and_pushes if {
	some job in input.jobs
	some step in job.steps
	publisher(step)
}

# The expression asks whether this is a release, and says no cache then.
skips_release(value) if {
	not release_branch
	regex.match(`!\s*startswith\(\s*github\.ref\s*,\s*'refs/tags/|!\s*\(.*github\.ref_type\s*==\s*'tag'|github\.ref_type\s*!=\s*'tag'|github\.event_name\s*!=\s*'release'`, value)
}
