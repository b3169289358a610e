package policies

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// allowedBuiltins are the functions of OPA that policies may call. What OPA
// has beyond them is in refusedBuiltins; a test fails if a function of OPA is
// in neither list, so that each new one is a decision.
var allowedBuiltins = strings.Fields(`
abs and array.concat array.flatten array.reverse array.slice assign
base64.decode base64.encode base64.is_valid base64url.decode base64url.encode base64url.encode_no_pad
bits.and bits.lsh bits.negate bits.or bits.rsh bits.xor
ceil concat contains count
crypto.hmac.equal crypto.hmac.md5 crypto.hmac.sha1 crypto.hmac.sha256 crypto.hmac.sha512
crypto.md5 crypto.sha1 crypto.sha256
crypto.parse_private_keys crypto.x509.parse_and_verify_certificates_with_options
crypto.x509.parse_certificate_request crypto.x509.parse_certificates
crypto.x509.parse_keypair crypto.x509.parse_rsa_private_key
div endswith eq equal floor format_int glob.match glob.quote_meta graph.reachable graph.reachable_paths
graphql.is_valid graphql.parse graphql.parse_and_verify graphql.parse_query graphql.parse_schema graphql.schema_is_valid
gt gte hex.decode hex.encode indexof indexof_n
internal.member_2 internal.member_3 internal.print internal.template_string internal.test_case intersection
io.jwt.decode io.jwt.verify_eddsa io.jwt.verify_es256 io.jwt.verify_es384 io.jwt.verify_es512
io.jwt.verify_hs256 io.jwt.verify_hs384 io.jwt.verify_hs512 io.jwt.verify_ps256 io.jwt.verify_ps384
io.jwt.verify_ps512 io.jwt.verify_rs256 io.jwt.verify_rs384 io.jwt.verify_rs512
is_array is_boolean is_null is_number is_object is_set is_string
json.filter json.is_valid json.marshal json.marshal_with_options json.patch json.remove json.unmarshal
lower lt lte max min minus mul neq
net.cidr_contains net.cidr_contains_matches net.cidr_expand net.cidr_intersects net.cidr_is_valid net.cidr_merge
numbers.range numbers.range_step
object.filter object.get object.keys object.remove object.subset object.union object.union_n
or plus print product
regex.find_all_string_submatch_n regex.find_n regex.globs_match regex.is_valid regex.match regex.replace regex.split
regex.template_match rego.metadata.chain rego.metadata.rule rego.parse_module rem replace round
semver.compare semver.is_valid sort split sprintf startswith
strings.any_prefix_match strings.any_suffix_match strings.count strings.replace_n strings.reverse strings.split_n
substring sum
time.add_date time.clock time.date time.diff time.format time.parse_duration_ns time.parse_ns time.parse_rfc3339_ns
time.weekday to_number trace trim trim_left trim_prefix trim_right trim_space trim_suffix type_name union
units.parse units.parse_bytes upper uri.is_valid uri.parse
urlquery.decode urlquery.decode_object urlquery.encode urlquery.encode_object uuid.parse
walk yaml.is_valid yaml.marshal yaml.unmarshal
`)

const (
	noClock  = "it reads the clock; use input.time in a report policy, or data.gatehouse.time in a document policy (both are RFC 3339; time.parse_rfc3339_ns makes them a number)"
	noNet    = "it uses the network; give what it would fetch as a data file"
	noRandom = "it is random, and the same input must give the same verdict; derive a name from the input, with crypto.sha256 for example"
	oldStyle = "it is deprecated and not part of Rego v1"
)

// refusedBuiltins are the functions of OPA that policies may not call, with
// the reason and what to use instead.
var refusedBuiltins = map[string]string{
	"crypto.x509.parse_and_verify_certificates": "it reads the clock; use crypto.x509.parse_and_verify_certificates_with_options with CurrentTime",
	"http.send":                   noNet,
	"io.jwt.decode_verify":        "it reads the clock; use io.jwt.decode and io.jwt.verify_*, and compare the times with input.time",
	"io.jwt.encode_sign":          "policies do not sign, and signatures may be random",
	"io.jwt.encode_sign_raw":      "policies do not sign, and signatures may be random",
	"json.match_schema":           "it can fetch schemas over the network; check the fields with rules",
	"json.verify_schema":          "it can fetch schemas over the network; check the fields with rules",
	"net.lookup_ip_addr":          noNet,
	"opa.runtime":                 "it reads the environment; give what you need as a data file",
	"providers.aws.sign_req":      "policies make no requests",
	"rand.intn":                   noRandom,
	"strings.render_template":     "its templates cannot be bounded; use sprintf or a template string",
	"time.now_ns":                 noClock,
	"uuid.rfc4122":                noRandom,
	"all":                         oldStyle + "; use every",
	"any":                         oldStyle + "; use some or in",
	"cast_array":                  oldStyle + "; use is_array or a comprehension",
	"cast_boolean":                oldStyle + "; use is_boolean",
	"cast_null":                   oldStyle + "; use is_null",
	"cast_object":                 oldStyle + "; use is_object",
	"cast_set":                    oldStyle + "; use a set comprehension",
	"cast_string":                 oldStyle + "; use is_string",
	"net.cidr_overlap":            oldStyle + "; use net.cidr_contains",
	"re_match":                    oldStyle + "; use regex.match",
	"set_diff":                    oldStyle + "; use the operator -",
	"parse_config_file":           "it reads a file; use parse_config with the text, and give files as data",
	"parse_combined_config_files": "it reads files; use parse_config with the text, and give files as data",
}

// AllowedBuiltins lists the functions that policies may call, sorted: those of
// OPA, parse_config and version_in_range.
func AllowedBuiltins() []string {
	return slices.Sorted(slices.Values(append(slices.Clone(allowedBuiltins), parseConfigDecl.Name, versionInRangeDecl.Name)))
}

// capabilities are those of this version of OPA without the refused functions
// and without any host.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	allowed := make(map[string]bool, len(allowedBuiltins))
	for _, name := range allowedBuiltins {
		allowed[name] = true
	}
	c.Builtins = slices.DeleteFunc(slices.Clone(c.Builtins), func(b *ast.Builtin) bool { return !allowed[b.Name] })
	c.AllowNet = []string{}
	return c
}
