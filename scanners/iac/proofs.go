package iac

import (
	"context"
	"errors"

	"github.com/gatehouse-sec/gatehouse"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/checks"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/document"
	"github.com/gatehouse-sec/gatehouse/scanners/iac/internal/pipeline"
)

// The known-bad samples of the engines. Each is given to its engine before the
// first answer of it is believed.
const (
	badManifest = `
apiVersion: v1
kind: Pod
metadata: {name: bad}
spec:
  containers:
  - {name: bad, image: "alpine:3.20", securityContext: {privileged: true}}
`
	badResources = `Resources: {Bad: {Type: "AWS::S3::Bucket", Properties: {AccessControl: PublicReadWrite}}}`
	badTemplate  = `
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Bad:
    Type: AWS::S3::Bucket
    Properties:
      AccessControl: PublicReadWrite
`
	badWorkflow = `
on: issues
jobs:
  bad:
    runs-on: ubuntu-latest
    steps: [{run: "echo ${{ github.event.issue.title }}"}]
`
	badConfiguration = `
variable "acl" { default = "public-read-write" }
resource "aws_s3_bucket" "bad" { acl = var.acl }
`
	badDeployment = `{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
"parameters": {"https": {"type": "bool", "defaultValue": false}}, "resources": [{"type": "Microsoft.Storage/storageAccounts",
"name": "bad", "properties": {"supportsHttpsTrafficOnly": "[parameters('https')]"}}]}`
	badPlan = `{"format_version":"1.2","planned_values":{"root_module":{"resources":[{"address":"aws_s3_bucket.bad","mode":"managed",
"type":"aws_s3_bucket","name":"bad","values":{"acl":"public-read-write"}}]}},"resource_changes":[{"address":"aws_s3_bucket.bad",
"change":{"actions":["create"],"after":{"acl":"public-read-write"},"after_unknown":{"id":true}}}]}`
	badWorkflowRule                                        = "PIPE-0006"
	badManifestRule, badTemplateRule, badConfigurationRule = "KSV-0017", "AWS-0092", "AWS-0092"
)

func newScanner(set, pipelines, own *checks.Set) *scanner {
	s := &scanner{checks: set, pipelines: pipelines, rules: own}
	s.proofs = map[string]func() error{
		typeKubernetes: proof(badManifestRule, func(out reporter) error {
			docs, err := document.Parse([]byte(badManifest))
			if err != nil {
				return err
			}
			return s.scanManifest(context.Background(), docs[0], manifest{typ: typeKubernetes, path: "bad.yaml"}, out)
		}),
		typeCloudFormation: proof(badTemplateRule, func(out reporter) error {
			docs, err := document.Parse([]byte(badTemplate))
			if err != nil {
				return err
			}
			f := &gatehouse.File{FileInfo: gatehouse.FileInfo{Path: "bad.yaml"}, Data: []byte(badTemplate)}
			return s.scanTemplate(context.Background(), f, docs[0], out)
		}),
		typePipeline: proof(badWorkflowRule, func(out reporter) error {
			docs, err := document.Parse([]byte(badWorkflow))
			if err != nil {
				return err
			}
			return s.scanPipeline(context.Background(), "bad.yaml", pipeline.Read("bad.yaml", docs[0]), out)
		}),
		string(checks.Ansible): proof("ANS-0004", func(out reporter) error {
			docs, err := document.Parse([]byte("- hosts: all\n  tasks: [{uri: {url: \"https://example.com\", validate_certs: no}}]"))
			if err != nil {
				return err
			}
			return s.scanAnsible(context.Background(), "site.yml", docs[0], out)
		}),
		string(checks.OpenAPI): proof("OAPI-0001", func(out reporter) error {
			docs, err := document.Parse([]byte("openapi: 3.0.3\npaths: {/a: {post: {}}}"))
			if err != nil {
				return err
			}
			return s.scanOpenAPI(context.Background(), "openapi.yaml", docs[0], out)
		}),
		string(checks.Serverless): proof("AWS-0092", func(out reporter) error {
			docs, err := document.Parse([]byte("service: a\nresources: {" + badResources + "}"))
			if err != nil {
				return err
			}
			return s.scanServerless(context.Background(), "serverless.yml", docs[0], out)
		}),
		typePulumi: func() error { return nil }, // nothing of it is believed
		string(checks.Compose): proof("COMP-0001", func(out reporter) error {
			docs, err := document.Parse([]byte("services: {bad: {image: \"alpine:3.20\", privileged: true}}"))
			if err != nil {
				return err
			}
			return s.scanCompose(context.Background(), "compose.yaml", docs[0], out)
		}),
		typeARM: proof("AZU-0008", func(out reporter) error {
			docs, err := document.Parse([]byte(badDeployment))
			if err != nil {
				return err
			}
			return s.scanARM(context.Background(), "bad.json", docs[0], out)
		}),
		typeTerraformPlan: proof(badConfigurationRule, func(out reporter) error {
			docs, err := document.Parse([]byte(badPlan))
			if err != nil {
				return err
			}
			return s.scanPlan(context.Background(), "bad.json", docs[0], out)
		}),
		typeTerraform: proof(badConfigurationRule, func(out reporter) error {
			problems, err := s.terraform(context.Background(), map[string][]byte{"bad.tf": []byte(badConfiguration)}, nil, out)
			if err == nil && len(problems) > 0 {
				err = errors.New(problems[0].Reason)
			}
			return err
		}),
	}
	return s
}
