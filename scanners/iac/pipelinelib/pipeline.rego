# Package lib.pipeline has what checks of delivery pipelines share.
package lib.pipeline

import rego.v1

# at is what a check reports: a message about a line, and what it is about.
at(line, resource, msg) := {"msg": msg, "startline": line, "resource": resource, "root": resource}

# place names a step within its job.
place(job, step) := sprintf("%s/%s", [job.name, label(step)])

label(step) := step.id if step.id != ""

else := step.name if step.name != ""

else := step.action if step.action != ""

else := "step"

# runs is true unless the condition of the step is false.
runs(step) if not step.never

# given is true if the step has the input.
given(step, name) if {
	some v in step.with
	v.name == name
}

# value_of is the value of an input of a step, "" if it is not given.
input_values(step, name) := [v.value | some v in step.with; v.name == name]

value_of(step, name) := value if {
	values := input_values(step, name)
	count(values) > 0
	value := values[0]
}

else := ""

# persists is true for a checkout that leaves its token on disk.
persists(step) if {
	step.action == "actions/checkout"
	not step.never
	not lower(value_of(step, "persist-credentials")) in {"false", "no", "off"}
}

sort_name("action") := "The action"

sort_name("workflow") := "The workflow"

sort_name("docker") := "The image"

# version is what the ref of an action says, or the comment behind a hash; it
# is undefined if none does.
version(step) := step.ref if not regex.match(`^[0-9a-f]{40}$`, step.ref)

version(step) := u.comment if {
	regex.match(`^[0-9a-f]{40}$`, step.ref)
	some u in input.uses
	u.line == step.uses_line
	regex.match(`^v?[0-9]`, u.comment)
}

# from_outside is true if people without rights can start the pipeline.
from_outside if {
	some t in input.triggers
	t.name in {"pull_request", "pull_request_target", "issues", "issue_comment", "discussion", "discussion_comment", "fork", "watch"}
}

# effective are the permissions of a job, its own or those of the workflow; it
# is undefined if neither says.
effective(job) := job.permissions

effective(job) := input.permissions if not job.permissions

# may_write is true if the job was given the permission to write.
may_write(job, _) if effective(job).all == "write-all"

may_write(job, name) if {
	some s in effective(job).scopes
	s.name == name
	s.access == "write"
}
