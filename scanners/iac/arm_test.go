package iac_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-sec/gatehouse/scanners/scannertest"
)

const armSchema = `"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"`

func TestARM(t *testing.T) {
	storage := `{` + armSchema + `, "parameters": %s, "variables": %s, "resources": [{"type": "microsoft.storage/STORAGEACCOUNTS", "name": "[concat('a', parameters('n'))]",
"properties": {"supportsHttpsTrafficOnly": %s, "minimumTlsVersion": "TLS1_2"}}]}`
	account := func(parameters, variables, https string) string {
		return fmt.Sprintf(storage, parameters, variables, https)
	}
	nested := func(scope, value string) string {
		return `{` + armSchema + `, "parameters": {"h": {"type": "bool", "defaultValue": true}}, "resources": [{"type": "Microsoft.Resources/deployments", "name": "in",
"properties": {"expressionEvaluationOptions": {"scope": "` + scope + `"}, "parameters": {"h": {"value": ` + value + `}},
"template": {"parameters": {"h": {"type": "bool"}}, "resources": [{"type": "Microsoft.Storage/storageAccounts", "name": "a", "properties": {"supportsHttpsTrafficOnly": "[parameters('h')]"}}]}}}]}`
	}
	rule := `"properties": {"access": "Allow", "direction": "Inbound", "protocol": "Tcp", "sourceAddressPrefix": "%s", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "22"}`
	tests := []struct {
		name, text, rule string
		fires            bool
		gap              string
	}{
		{"a literal", account(`{}`, `{}`, `false`), "AZU-0008", true, ""},
		{"a good literal", account(`{}`, `{}`, `true`), "AZU-0008", false, ""},
		{"a default", account(`{"S": {"type": "bool", "defaultValue": false}}`, `{}`, `"[parameters('s')]"`), "AZU-0008", true, ""},
		{"a variable", account(`{}`, `{"s": "[not(equals('Dev', 'dev'))]"}`, `"[variables('s')]"`), "AZU-0008", true, ""},
		{"a choice", account(`{}`, `{"e": "prod"}`, `"[if(equals(variables('e'), 'prod'), true(), false())]"`), "AZU-0008", false, ""},
		{"a member", account(`{}`, `{"m": {"prod": {"s": [true, false]}}}`, `"[variables('m')['prod'].s[1]]"`), "AZU-0008", true, ""},
		{"a parameter without a value", account(`{"s": {"type": "bool"}}`, `{}`, `"[parameters('s')]"`), "AZU-0008", false, "parameters s"},
		{"a choice that is not known", account(`{"e": {"type": "string"}}`, `{}`, `"[if(equals(parameters('e'), 'prod'), true(), false())]"`), "AZU-0008", false, "AZU-0008"},
		{"a variable that is itself", account(`{}`, `{"s": "[variables('s')]"}`, `"[variables('s')]"`), "AZU-0056", true, ""},
		{"comments", "// a\n" + strings.ReplaceAll(account(`{}`, `{"u": "http://x/*y*/"}`, `false`), `"resources"`, `/* b */ "resources"`), "AZU-0008", true, ""},
		{"nested with its own parameters", nested("inner", "false"), "AZU-0008", true, ""},
		{"nested with those around it", nested("outer", "false"), "AZU-0008", false, ""},
		{"a linked template", `{` + armSchema + `, "resources": [{"type": "Microsoft.Resources/deployments", "name": "l", "properties": {"templateLink": {"uri": "https://x/y"}}}]}`, "AZU-0008", false, "another template"},
		{"a condition that is false", `{` + armSchema + `, "resources": [{"condition": false, "type": "Microsoft.Storage/storageAccounts", "name": "a", "properties": {"supportsHttpsTrafficOnly": false}}]}`, "AZU-0008", false, ""},
		{"resources by name", `{` + armSchema + `, "languageVersion": "2.0", "resources": {"a": {"type": "Microsoft.Storage/storageAccounts", "name": "a", "properties": {"supportsHttpsTrafficOnly": false}}}}`, "AZU-0008", true, ""},
		{"a rule in its group", `{` + armSchema + `, "resources": [{"type": "Microsoft.Network/networkSecurityGroups", "name": "g", "properties": {"securityRules": [{"name": "r", ` + fmt.Sprintf(rule, "*") + `}]}}]}`, "AZU-0050", true, ""},
		{"a narrow rule in its group", `{` + armSchema + `, "resources": [{"type": "Microsoft.Network/networkSecurityGroups", "name": "g", "properties": {"securityRules": [{"name": "r", ` + fmt.Sprintf(rule, "10.0.0.0/8") + `}]}}]}`, "AZU-0050", false, ""},
		{"a rule below its group", `{` + armSchema + `, "resources": [{"type": "Microsoft.Network/networkSecurityGroups", "name": "g", "resources": [{"type": "securityRules", "name": "r", ` + fmt.Sprintf(rule, "*") + `}]}]}`, "AZU-0050", true, ""},
		{"soft deletion in a resource of its own", `{` + armSchema + `, "resources": [{"type": "Microsoft.Storage/storageAccounts", "name": "a", "properties": {}}, {"type": "Microsoft.Storage/storageAccounts/blobServices", "name": "a/default", "properties": {"deleteRetentionPolicy": {"enabled": true, "days": 14}}}]}`, "AZU-0056", false, ""},
		{"no resources", `{` + armSchema + `}`, "AZU-0008", false, "no resources"},
		{"cut off", `{` + armSchema + `, "resources": [`, "AZU-0008", false, "parse"},
		{"a list as a resource", `{` + armSchema + `, "resources": [[]]}`, "AZU-0008", false, "no object"},
		{"an expression that nests", account(`{}`, `{}`, `"[`+strings.Repeat("not(", 5000)+`true()`+strings.Repeat(")", 5000)+`]"`), "AZU-0056", true, ""},
		{"values that double", account(`{}`, doubling(), `"[empty(variables('v40'))]"`), "AZU-0056", true, ""},
	}
	s := fresh(t)()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := scannertest.Scan(t, s, map[string]string{"infra/app.json": tt.text})
			fired := false
			for _, f := range r.Findings {
				fired = fired || f.Rule == tt.rule
				if f.Misconfiguration.Type != "azure-arm" || f.Location.Line == 0 || f.Misconfiguration.Resource == "" {
					t.Errorf("finding %+v %+v", f.Location, f.Misconfiguration)
				}
			}
			if fired != tt.fires {
				t.Errorf("%s fired: %v", tt.rule, fired)
			}
			var gaps []string
			for _, g := range r.Coverage.Gaps {
				gaps = append(gaps, g.Reason)
			}
			if (tt.gap == "") != (len(gaps) == 0) || !strings.Contains(strings.Join(gaps, "\n"), tt.gap) {
				t.Errorf("gaps %q, want %q", gaps, tt.gap)
			}
		})
	}
}

// doubling is variables of which each holds the one before twice.
func doubling() string {
	var b strings.Builder
	b.WriteString(`{"v0": ["x"]`)
	for i := 1; i <= 40; i++ {
		fmt.Fprintf(&b, `, "v%d": "[createArray(variables('v%d'), variables('v%d'))]"`, i, i-1, i-1)
	}
	return b.String() + "}"
}

// Bicep whose compiled form is not there is a gap with what to do.
func TestBicep(t *testing.T) {
	compiled := `{` + armSchema + `, "metadata": {"_generator": {"name": "bicep"}}, "resources": []}`
	r := scannertest.Scan(t, fresh(t)(), map[string]string{
		"main.bicep": "module m './modules/net.bicep' = {\n}\n", "main.json": compiled, "modules/net.bicep": "", "other.bicep": "", "other.json": "{}",
	})
	var paths []string
	for _, g := range r.Coverage.Gaps {
		paths = append(paths, g.Path)
		if !strings.Contains(g.Reason, "az bicep build --file other.bicep") {
			t.Errorf("gap %+v", g)
		}
	}
	if !slices.Equal(paths, []string{"other.bicep"}) {
		t.Errorf("gaps in %q", paths)
	}
}

// The templates that the CDK writes are read, and each must be there.
func TestCloudAssembly(t *testing.T) {
	manifest := `{"version": "36.0.0", "artifacts": {"A": {"type": "aws:cloudformation:stack", "properties": {"templateFile": "A.template.json"}}, "B": {"type": "aws:cloudformation:stack", "properties": {"templateFile": "B.template.json"}}}}`
	template := `{"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": "PublicRead"}},
"Nested": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": {"Fn::Sub": "https://x"}}, "Metadata": {"aws:asset:path": "n.nested.template.json", "aws:asset:property": "TemplateURL"}}}}`
	r := scannertest.Scan(t, fresh(t)(), map[string]string{".gitignore": "cdk.out", "cdk.out/manifest.json": manifest, "cdk.out/A.template.json": template})
	found := false
	for _, f := range r.Findings {
		found = found || f.Rule == "AWS-0092" && f.Location.Path == "cdk.out/A.template.json"
	}
	if !found {
		t.Error("the flaw of the template is not found")
	}
	if len(r.Coverage.Gaps) != 1 || r.Coverage.Gaps[0].Entry != "B" {
		t.Errorf("gaps %+v", r.Coverage.Gaps)
	}
}
