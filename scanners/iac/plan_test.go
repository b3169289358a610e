package iac_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
)

// object is JSON in the making.
type object = map[string]any

// planned is a plan of resources given as address, values, unknown values,
// marks of sensitive values and expressions.
type planned struct {
	address                         string
	values, unknown, masks, written object
}

func planText(t *testing.T, all ...planned) string {
	t.Helper()
	var resources, changes, configuration []any
	for _, p := range all {
		parts := strings.Split(p.address, ".")
		typ, name := parts[0], parts[1]
		name, _, _ = strings.Cut(name, "[")
		resources = append(resources, object{"address": p.address, "mode": "managed", "type": typ, "name": name, "values": p.values})
		changes = append(changes, object{"address": p.address, "change": object{
			"actions": []string{"create"}, "after": p.values, "after_unknown": p.unknown, "after_sensitive": p.masks}})
		configuration = append(configuration, object{"mode": "managed", "type": typ, "name": name, "expressions": p.written})
	}
	changes = append(changes, object{"address": "aws_s3_bucket.gone", "change": object{"actions": []string{"delete"}, "before": object{"acl": "public-read-write"}, "after": nil}})
	text, err := json.Marshal(object{
		"format_version": "1.2", "planned_values": object{"root_module": object{"resources": resources}},
		"resource_changes": changes, "configuration": object{"root_module": object{"resources": configuration}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func refersTo(refs ...string) object { return object{"references": refs} }

func TestPlan(t *testing.T) {
	bucket := planned{address: "aws_s3_bucket.b[0]", values: object{"bucket": "logs"}, unknown: object{"id": true}}
	blocked := object{"block_public_acls": true, "block_public_policy": true, "ignore_public_acls": true, "restrict_public_buckets": true}
	tests := []struct {
		name       string
		text       string
		fires      []string // "RULE address"
		silent     []string // rules
		undecided  []string // rules, or parts of reasons
		noFindings bool
	}{
		{name: "a value that is known", text: planText(t, planned{address: "aws_s3_bucket.b", values: object{"acl": "public-read-write"}}),
			fires: []string{"AWS-0092 aws_s3_bucket.b"}},
		{name: "only a deletion", text: planText(t), noFindings: true},
		{name: "a bucket without a block", text: planText(t, bucket), fires: []string{"AWS-0094 aws_s3_bucket.b[0]"}},
		{name: "a block for an unknown bucket", silent: []string{"AWS-0094", "AWS-0086"},
			text: planText(t, bucket, planned{address: "aws_s3_bucket_public_access_block.p", values: blocked, unknown: object{"bucket": true, "id": true},
				written: object{"bucket": refersTo("aws_s3_bucket.b[0].id", "aws_s3_bucket.b[0]", "aws_s3_bucket.b")}})},
		{name: "a block for a known bucket", silent: []string{"AWS-0094", "AWS-0086"},
			text: planText(t, bucket, planned{address: "aws_s3_bucket_public_access_block.p", values: merge(blocked, object{"bucket": "logs"}),
				written: object{"bucket": refersTo("aws_s3_bucket.b[0].bucket", "aws_s3_bucket.b[0]")}})},
		{name: "an unknown switch", undecided: []string{"AWS-0080"}, silent: []string{"AWS-0080"},
			text: planText(t, planned{address: "aws_db_instance.d", values: object{"engine": "postgres"}, unknown: object{"storage_encrypted": true},
				written: object{"storage_encrypted": refersTo("random_integer.r.result")}})},
		{name: "a switch that the provider fills in", fires: []string{"AWS-0080 aws_db_instance.d"},
			text: planText(t, planned{address: "aws_db_instance.d", values: object{"engine": "postgres"}, unknown: object{"storage_encrypted": true}})},
		{name: "an unknown policy", undecided: []string{"aws_s3_bucket_policy.p.policy"},
			text: planText(t, bucket, planned{address: "aws_s3_bucket_policy.p", values: object{}, unknown: object{"policy": true, "bucket": true},
				written: object{"bucket": refersTo("aws_s3_bucket.b[0].id"), "policy": refersTo("aws_s3_bucket.b[0].arn")}})},
		{name: "a template in a value is text", silent: []string{"AWS-0099"}, fires: []string{"AWS-0104 aws_security_group.g"},
			text: planText(t, planned{address: "aws_security_group.g", values: object{"description": "${file(\"/etc/passwd\")} %{if}",
				"egress": []any{object{"from_port": 0, "to_port": 0, "protocol": "-1", "cidr_blocks": []string{"0.0.0.0/0"}}}}})},
	}
	s := fresh(t)()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := scannertest.Scan(t, s, map[string]string{"deploy/plan.json": tt.text})
			var found []string
			for _, f := range r.Findings {
				found = append(found, f.Rule+" "+f.Misconfiguration.Resource)
				if f.Misconfiguration.Type != "terraform-plan" || f.Location.Path != "deploy/plan.json" || f.Location.Line != 1 {
					t.Errorf("finding at the wrong place: %+v", f)
				}
			}
			for _, want := range tt.fires {
				if !slices.Contains(found, want) {
					t.Errorf("%s is not among %q", want, found)
				}
			}
			for _, rule := range tt.silent {
				if slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, rule) }) {
					t.Errorf("%s fires: %q", rule, found)
				}
			}
			if tt.noFindings && len(found) > 0 {
				t.Errorf("found %q", found)
			}
			var gaps []string
			for _, g := range r.Coverage.Gaps {
				if g.Code != gatehouse.GapUnknown {
					t.Errorf("gap %+v", g)
				}
				gaps = append(gaps, g.Entry+" "+g.Reason)
			}
			for _, want := range tt.undecided {
				if !strings.Contains(strings.Join(gaps, "\n"), want) {
					t.Errorf("%s is not among the gaps %q", want, gaps)
				}
			}
			if len(tt.undecided) == 0 && len(gaps) > 0 {
				t.Errorf("gaps %q", gaps)
			}
		})
	}
}

func merge(a, b object) object {
	all := object{}
	for _, m := range []object{a, b} {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

// What a plan marks as sensitive is judged, but stands in no finding.
func TestPlanSensitive(t *testing.T) {
	hidden := "launch-codes-of-the-base"
	text := planText(t, planned{address: "aws_security_group.g", values: object{"name": hidden, "description": "Managed by Terraform"}, masks: object{"name": true}},
		planned{address: "aws_s3_bucket.b", values: object{"bucket": hidden, "acl": "public-read"}, masks: object{"bucket": true}})
	r := scannertest.Scan(t, fresh(t)(), map[string]string{"plan.json": text})
	if len(r.Findings) == 0 {
		t.Fatal("there is no finding")
	}
	for _, f := range r.Findings {
		if strings.Contains(f.Message+f.Misconfiguration.Resource, hidden) {
			t.Errorf("%s shows it: %s", f.Rule, f.Message)
		}
	}
}

func TestPlanThatCannotBeRead(t *testing.T) {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	if _, err := w.Create("tfplan"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole := planText(t, planned{address: "aws_s3_bucket.b", values: object{}})
	tests := []struct{ name, path, text, want string }{
		{"binary", "tfplan", buf.String(), "terraform show -json tfplan"},
		{"cut off", "plan.json", whole[:len(whole)/2], "parse JSON"},
		{"a format of the future", "plan.json", `{"format_version":"9.0","planned_values":{}}`, "format 9.0"},
		{"only changes", "plan.json", `{"format_version":"1.0","resource_changes":[]}`, "planned_values"},
		{"a list for an object", "plan.json", `{"format_version":"1.0","planned_values":{"root_module":{"resources":[[]]}}}`, "lacks its address"},
		{"a resource without its change", "plan.json", `{"format_version":"1.0","planned_values":{"root_module":{"resources":[{"address":"a.b","mode":"managed","type":"a","name":"b"}]}}}`, "no change"},
		{"a failed plan", "plan.json", `{"format_version":"1.0","errored":true,"planned_values":{}}`, "ended with an error"},
		{"JSON with the name of a binary plan", "x.tfplan", `{"format_version":"1.0","errored":true,"planned_values":{}}`, "ended with an error"},
	}
	s := fresh(t)()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := scannertest.Scan(t, s, map[string]string{tt.path: tt.text})
			if len(r.Coverage.Gaps) != 1 || !strings.Contains(r.Coverage.Gaps[0].Reason, tt.want) {
				t.Errorf("got %+v, want a gap with %q", r.Coverage.Gaps, tt.want)
			}
		})
	}
}
