package iac

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aquasecurity/trivy/pkg/iac/adapters/terraform/aws"
	s3state "github.com/aquasecurity/trivy/pkg/iac/providers/aws/s3"

	"github.com/gatehouse-sec/gatehouse/scanners/iac/terraform"
)

const manyBuckets = `
locals { name = "by-name" }
resource "aws_s3_bucket" "logs" { bucket = "logs" }
resource "aws_s3_bucket" "a" {
  count  = 3
  bucket = "a-${count.index}"
  logging { target_bucket = aws_s3_bucket.logs.id }
}
resource "aws_s3_bucket_versioning" "a" {
  count  = 2
  bucket = aws_s3_bucket.a[count.index].id
  versioning_configuration { status = "Enabled" }
}
resource "aws_s3_bucket" "each" {
  for_each = toset(["x", "y"])
  bucket   = each.key
}
resource "aws_s3_bucket_public_access_block" "each" {
  for_each          = aws_s3_bucket.each
  bucket            = each.value.id
  block_public_acls = true
}
resource "aws_s3_bucket_logging" "y" {
  bucket        = aws_s3_bucket.each["y"].id
  target_bucket = aws_s3_bucket.logs.id
}
resource "aws_s3_bucket" "named" { bucket = local.name }
resource "aws_s3_bucket_acl" "named" {
  bucket = "by-name"
  acl    = "public-read"
}
resource "aws_s3_bucket" "twin" { bucket = local.name }
data "aws_iam_policy_document" "base" {
  statement {
    actions   = ["s3:*"]
    resources = ["*"]
  }
}
data "aws_iam_policy_document" "all" { source_policy_documents = [data.aws_iam_policy_document.base.json] }
locals { policy = data.aws_iam_policy_document.all.json }
resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.logs.id
  policy = local.policy
}
resource "aws_s3_bucket_policy" "named" {
  bucket = "a-0"
  policy = jsonencode({ Statement = [{ Effect = "Allow", Action = "s3:*", Resource = aws_s3_bucket.logs.arn }] })
}
resource "aws_s3_bucket_versioning" "elsewhere" {
  bucket = "of-others"
  versioning_configuration { status = "Enabled" }
}
module "m" {
  source = "./m"
  count  = 2
  name   = "m-${count.index}"
}
resource "aws_s3_bucket_versioning" "m" {
  bucket = module.m[1].id
  versioning_configuration { status = "Enabled" }
}
`

const bucketModule = `
variable "name" {}
resource "aws_s3_bucket" "this" { bucket = var.name }
resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id
  rule { 
    apply_server_side_encryption_by_default { sse_algorithm = "aws:kms" }
  }
}
output "id" { value = aws_s3_bucket.this.id }
`

// The state of S3 that is put together is that which its adapter makes of all
// at once.
func TestBucketsInBatches(t *testing.T) {
	files := map[string][]byte{"main.tf": []byte(manyBuckets), "m/main.tf": []byte(bucketModule)}
	if n := compareBuckets(t, files); n != 10 {
		t.Errorf("%d buckets were compared", n)
	}
}

func TestBucketsInBatchesOfRealFiles(t *testing.T) {
	root := os.Getenv("QUALITY_DATA")
	if root == "" {
		t.Skip("QUALITY_DATA is not set: the buckets of labelled Terraform are not compared with the adapter")
	}
	n := 0
	dirs := map[string]map[string][]byte{}
	err := filepath.WalkDir(filepath.Join(root, "iac"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !terraform.IsConfig(name) {
			return err
		}
		data, err := os.ReadFile(name)
		if dirs[filepath.Dir(name)] == nil {
			dirs[filepath.Dir(name)] = map[string][]byte{}
		}
		dirs[filepath.Dir(name)][filepath.Base(name)] = data
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, files := range dirs {
		n += compareBuckets(t, files)
	}
	if n < 20 {
		t.Errorf("%d buckets were compared", n)
	}
	t.Logf("%d buckets", n)
}

func compareBuckets(t *testing.T, files map[string][]byte) int {
	var mu sync.Mutex
	n := 0
	if _, err := terraform.Evaluate(context.Background(), files, nil, func(c *terraform.Configuration) error {
		var whole, parts s3state.S3
		if guarded(func() { whole = aws.Adapt(c.Modules).S3 }) != nil {
			return nil
		}
		if err := guarded(func() { parts = adaptAWS(c.Modules, 1).S3 }); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		want, got := lines(t, whole), lines(t, parts)
		n += len(want)
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got[min(i, len(got)):min(i+1, len(got))], ""), strings.Join(want[min(i, len(want)):min(i+1, len(want))], ""))
				break
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// lines are the buckets as text, in order.
func lines(t *testing.T, s s3state.S3) []string {
	var all []string
	for _, b := range s.Buckets {
		text, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	slices.Sort(all)
	return all
}
