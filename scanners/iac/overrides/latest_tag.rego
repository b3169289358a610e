# METADATA
# title: "':latest' tag used"
# description: |
#   An image without a tag, or with the tag "latest", is another one whenever somebody publishes it. This check knows
#   variables that are declared more than once, registries with a port and images that are named by their digest.
# related_resources:
#   - https://docs.docker.com/build/building/best-practices/#pin-base-image-versions
# custom:
#   id: DS-0001
#   long_id: docker-use-specific-tags
#   aliases:
#     - AVD-DS-0001
#     - DS001
#     - use-specific-tags
#   severity: MEDIUM
#   recommended_action: Add a tag to the image in the 'FROM' statement
#   input:
#     selector:
#       - type: dockerfile
package gatehouse.checks.docker.latest_tag

import rego.v1

deny contains res if {
	some i, stage in input.Stages
	some from in stage.Commands
	from.Cmd == "from"
	reference := filled(from.Value[0], variables(i))
	image := latest(reference)
	not image in {"", "scratch"}
	not lower(image) in stages
	res := result.new(sprintf("Specify a tag in the 'FROM' statement for image '%s'", [image]), from)
}

stages contains lower(from.Value[i + 1]) if {
	some stage in input.Stages
	some from in stage.Commands
	from.Cmd == "from"
	some i, word in from.Value
	lower(word) == "as"
}

# latest is the image of a reference that leaves its version open.
latest(reference) := reference if {
	not contains(reference, "@")
	not contains(regex.replace(reference, `^.*/`, ""), ":")
	not contains(reference, "$")
}

latest(reference) := trim_suffix(reference, ":latest") if {
	endswith(reference, ":latest")
	not contains(reference, "$")
}

# variables are those of a stage, and those that are declared before the first.
variables(0) := declared(input.Stages[0])

variables(i) := object.union(declared(input.Stages[0]), declared(input.Stages[i])) if i > 0

# Of a variable that is declared again, the last declaration counts.
declared(stage) := {name: value |
	all := [part(arg) |
		some command in stage.Commands
		command.Cmd == "arg"
		some arg in command.Value
	]
	some name in {pair[0] | some pair in all}
	same := [pair[1] | some pair in all; pair[0] == name]
	value := same[count(same) - 1]
}

part(arg) := [trim_space(substring(arg, 0, i)), trim(trim_space(substring(arg, i + 1, -1)), `"'`)] if {
	i := indexof(arg, "=")
	i >= 0
} else := [arg, ""]

filled(text, values) := strings.replace_n(replaced, text) if {
	replaced := {reference: object.get(values, trim_prefix(trim_suffix(trim_prefix(reference, "$"), "}"), "{"), "") |
		some reference in regex.find_n(`\$\{\w+\}|\$\w+`, text, -1)
	}
}
