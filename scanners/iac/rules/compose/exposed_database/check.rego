# METADATA
# title: The port of a database or of an administration interface is published to every network
# description: |
#   A port that is published without an address is open on all interfaces of the host, and Docker opens the firewall of
#   the host for it. Services of the same file reach each other without it.
# related_resources:
#   - https://docs.docker.com/engine/network/packet-filtering-firewalls/
# custom:
#   id: COMP-0010
#   long_id: compose-exposed-database
#   controls:
#     - CIS-Docker-1.6-5.14
#   severity: HIGH
#   recommended_action: Remove the port, or publish it on 127.0.0.1
#   input:
#     selector:
#       - type: compose
package gatehouse.checks.compose.exposed_database

import rego.v1

import data.lib.rules

deny contains res if {
	some s in input.services
	some p in s.ports
	p.host_ip in {"", "0.0.0.0", "::", "0"}
	what := rules.private_ports[p.target]
	res := rules.at(p.line, s.name, sprintf("The port %s of %s (service %q) is published on all addresses.", [p.target, what, s.name]))
}
