# METADATA
# title: A job deploys without an environment
# description: |
#   An environment can bind a deployment to branches and to the approval of reviewers, and keeps its secrets from
#   other jobs.
# related_resources:
#   - https://owasp.org/www-project-top-10-ci-cd-security-risks/CICD-SEC-01-Insufficient-Flow-Control-Mechanisms
# custom:
#   id: PIPE-0046
#   long_id: pipeline-deploy-without-environment
#   aliases:
#     - missing-environment
#   controls:
#     - CICD-SEC-1
#   severity: LOW
#   recommended_action: Name the environment in the job and protect it
#   input:
#     selector:
#       - type: pipeline
package gatehouse.checks.pipeline.deploy_without_environment

import rego.v1

import data.lib.pipeline

deny contains res if {
	knows_environments
	some job in input.jobs
	job.environment == ""
	some step in job.steps
	pipeline.runs(step)
	deploys(step)
	res := pipeline.at(job.line, job.name, sprintf("The job %q deploys without an environment.", [job.name]))
}

deploys(step) if step.action in {
	"azure/webapps-deploy", "azure/k8s-deploy", "azure/functions-action", "google-github-actions/deploy-cloudrun", "google-github-actions/deploy-appengine",
	"aws-actions/amazon-ecs-deploy-task-definition", "aws-actions/aws-cloudformation-github-deploy", "actions/deploy-pages", "cloudflare/wrangler-action",
	"akhileshns/heroku-deploy", "superfly/flyctl-actions",
}

deploys(step) if {
	some l in step.lines
	regex.match(`(^|[;&|]\s*)(terraform\s+apply|kubectl\s+(apply|rollout|set\s+image)|helm\s+(upgrade|install)|aws\s+ecs\s+update-service|aws\s+cloudformation\s+deploy|gcloud\s+(run|app|functions)\s+deploy|serverless\s+deploy|cdk\s+deploy|pulumi\s+up|fly(ctl)?\s+deploy|eb\s+deploy)\b`, l.text)
	not regex.match(`--dry-run`, l.text)
}

knows_environments if input.kind == "workflow"

knows_environments if input.system in {"gitlab-ci", "bitbucket-pipelines"}
