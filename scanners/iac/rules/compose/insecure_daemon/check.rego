# METADATA
# title: A service is started with its protection switched off
# description: |
#   The command tells the service to do without authentication or encryption.
# related_resources:
#   - https://github.com/compose-spec/compose-spec/blob/main/05-services.md
# custom:
#   id: COMP-0013
#   long_id: compose-insecure-daemon
#   controls:
#     - CWE-306
#   severity: MEDIUM
#   recommended_action: Remove the option and configure users or certificates
#   input:
#     selector:
#       - type: compose
package gatehouse.checks.compose.insecure_daemon

import rego.v1

import data.lib.rules

deny contains res if {
	some s in input.services
	some what in regex.find_n(`(^| )(--api\.insecure(=true)?|--noauth|--insecure-skip-tls-verify(=true)?|--skip-grant-tables|--protected-mode no)( |$)`, concat(" ", s.command), 3)
	res := rules.at(s.command_line, s.name, sprintf("The service %q is started with %s.", [s.name, trim_space(what)]))
}
