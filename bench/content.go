package main

import (
	"math/rand/v2"
	"strings"
)

// The words that generated text is made of. Some are those that scanners for
// secrets look for, as in real source.
var words = strings.Fields(`account action adapter address alert amount archive backend balance batch billing
binary block branch buffer build cache carrier channel client cluster codec command commit config connection
consumer container context counter cursor customer database dataset decoder delivery deployment detail device
digest document domain driver encoder endpoint engine entity entry event exchange factory field filter format
frame gateway group handler header health history host identity image index input instance invoice item journal
key label layer ledger length level limit listener loader location logger mailbox manager mapper marker member
merge message method metric migration mirror model module monitor name network node notice number object offset
option order origin output owner package page parcel parser partner password path pattern payload payment peer
period pipeline planner platform plugin policy pool port prefix price printer priority process producer product
profile project provider proxy query queue quota range reader record region register release replica report
request reserve resolver resource response result retry review role route router rule runner sample schedule
schema scope script secret section segment sender sequence server service session setting shard share shipment
signal snapshot socket source stage state status step storage store stream subject summary switch system table
tag target task template tenant thread ticket timer token tracker trace transfer tree trigger type unit update
upload user value vector vendor version view volume wallet warehouse watcher window worker writer zone`)

var extensions = []string{"go", "py", "ts", "java", "go", "js", "md", "rb"}

func pick(r *rand.Rand, list []string) string { return list[r.IntN(len(list))] }

func pickFrom(r *rand.Rand, alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

const (
	hexDigits = "0123456789abcdef"
	alnum     = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

func hexString(r *rand.Rand, n int) string { return pickFrom(r, hexDigits, n) }

// source adds about n bytes of source.
func (w *writer) source(n int) {
	w.printf("// Package %s is about the %s of a %s.\n\n", pick(w.rnd, words), pick(w.rnd, words), pick(w.rnd, words))
	for len(w.buf) < n {
		w.sourceLine()
	}
}

func (w *writer) sourceLine() {
	a, b, c := pick(w.rnd, words), pick(w.rnd, words), pick(w.rnd, words)
	switch w.rnd.IntN(14) {
	case 0:
		w.printf("\nfunc %s%d(%s *%s, %s string) (%s, error) {\n", a, w.rnd.IntN(100), b, c, a, b)
	case 1:
		w.printf("\tif err := %s.%s(ctx, %s); err != nil {\n\t\treturn fmt.Errorf(\"%s %s: %%w\", err)\n\t}\n", a, b, c, a, b)
	case 2:
		w.printf("\t// The %s of a %s comes from its %s, unless the %s says otherwise.\n", a, b, c, pick(w.rnd, words))
	case 3:
		w.printf("\t%s := make(map[string]*%s, %d)\n", a, b, w.rnd.IntN(1000))
	case 4:
		w.printf("\tfor _, %s := range %s.%s() {\n\t\t%s = append(%s, %s)\n\t}\n", a, b, c, b, b, a)
	case 5:
		w.printf("\treturn %s.%s(%q, %d)\n}\n", a, b, c+" "+a, w.rnd.IntN(1e6))
	case 6:
		w.printf("\tconst %s = \"https://%s.example.com/%s/%s\"\n", a, b, c, a)
	case 7:
		w.printf("\tlog.Printf(\"%s %s: %%v\", %s)\n", a, b, c)
	case 8:
		w.printf("import { %s, %s } from \"../%s/%s\";\n", a, b, c, a)
	case 9:
		w.printf("def %s_%s(self, %s=None):\n    return self.%s[%s]\n", a, b, c, a, c)
	case 10:
		w.printf("\t%s.%s = os.Getenv(%q)\n", a, b, strings.ToUpper(a+"_"+c))
	case 11:
		if w.rnd.IntN(8) == 0 {
			w.printf("\t%s: %q, // of release %d\n", a, hexString(w.rnd, 40), w.rnd.IntN(100))
		}
	default:
		w.printf("\t\t%s.%s(%s, %s.%s)\n", a, b, c, b, a)
	}
}

// settings adds a file with one token, made up and put together here so that
// no token stands in this program.
func (w *writer) settings() {
	token := strings.Join([]string{"gh", "p", "_"}, "") + pickFrom(w.rnd, alnum, 36)
	w.printf("LOG_LEVEL=info\nLISTEN=:8080\nGITHUB_TOKEN=%s\nREGION=eu-%s-1\n", token, pick(w.rnd, words))
}

func (w *writer) kubernetes() {
	name := pick(w.rnd, words) + "-" + pick(w.rnd, words)
	w.printf(`---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: %s
  namespace: %s
  labels: {app: %s, revision: "%s"}
spec:
  replicas: %d
  selector:
    matchLabels: {app: %s}
  template:
    metadata:
      labels: {app: %s}
    spec:
      containers:
`, name, pick(w.rnd, words), name, hexString(w.rnd, 12), 1+w.rnd.IntN(6), name, name)
	for i := range 1 + w.rnd.IntN(2) {
		w.printf("        - name: c%d\n          image: registry.example.com/%s/%s:1.%d.%d\n", i, pick(w.rnd, words), name, w.rnd.IntN(30), w.rnd.IntN(10))
		w.printf("          env:\n")
		for range w.rnd.IntN(8) {
			w.printf("            - {name: %s, value: %q}\n", strings.ToUpper(pick(w.rnd, words)), pick(w.rnd, words))
		}
		if w.rnd.IntN(2) == 0 {
			w.printf("          securityContext: {privileged: %t, readOnlyRootFilesystem: %t}\n", w.rnd.IntN(8) == 0, w.rnd.IntN(2) == 0)
		}
		if w.rnd.IntN(2) == 0 {
			w.printf("          resources: {limits: {cpu: %dm, memory: %dMi}}\n", 100*(1+w.rnd.IntN(9)), 64*(1+w.rnd.IntN(9)))
		}
	}
	w.printf(`---
apiVersion: v1
kind: Service
metadata:
  name: %s
spec:
  selector: {app: %s}
  ports: [{port: %d, targetPort: %d}]
`, name, name, 1024+w.rnd.IntN(60000), 1024+w.rnd.IntN(60000))
}

func (w *writer) dockerfile() {
	w.printf("FROM golang:1.%d AS build\nWORKDIR /src\nCOPY . .\nRUN go build -o /out/%s .\n\nFROM debian:latest\nRUN apt-get update && apt-get install -y ca-certificates\nCOPY --from=build /out /usr/local/bin\nEXPOSE 22\nENTRYPOINT [%q]\n",
		20+w.rnd.IntN(7), pick(w.rnd, words), "/usr/local/bin/"+pick(w.rnd, words))
}

func (w *writer) terraform() {
	for range 3 {
		name := pick(w.rnd, words) + "_" + hexString(w.rnd, 4)
		w.printf("resource \"aws_s3_bucket\" %q {\n  bucket = \"%s-%s\"\n}\n\n", name, pick(w.rnd, words), hexString(w.rnd, 6))
		w.printf("resource \"aws_security_group\" %q {\n  name        = %q\n  description = \"of %s\"\n  ingress {\n    from_port   = %d\n    to_port     = %d\n    protocol    = \"tcp\"\n    cidr_blocks = [\"%d.0.0.0/%d\"]\n  }\n}\n\n",
			name, name, pick(w.rnd, words), 22, 22, 10*w.rnd.IntN(2), 8*w.rnd.IntN(2))
	}
}

// publishedModule is a module with 60 variables, policies and rules made by
// for_each, and a module for each group.
func (w *writer) publishedModule() {
	for i := range 60 {
		w.printf("variable \"option_%d\" {\n  type    = any\n  default = %v\n}\n\n", i, i%2 == 0)
	}
	w.printf("variable \"name\" {\n  type = string\n}\n\nvariable \"groups\" {\n  type    = map(any)\n  default = {}\n}\n\nlocals {\n  tags = merge({ Name = var.name }, var.option_0 ? { Extra = \"yes\" } : {})\n")
	for i := range 10 {
		w.printf("  base_%d = var.option_%d ? null : \"${var.name}-base-%d\"\n", 4*i, i, i)
	}
	for i := range 40 {
		w.printf("  value_%d = try(local.base_%d, var.option_%d ? \"${var.name}-%d\" : \"none\")\n", i, i-i%4, i, i)
	}
	w.printf("}\n\n")
	for i := range 30 {
		w.printf("resource \"aws_security_group\" \"group_%d\" {\n  count       = var.option_%d ? 1 : 0\n  name        = local.value_%d\n  description = \"of ${var.name}\"\n  tags        = local.tags\n  dynamic \"ingress\" {\n    for_each = [22, 80, %d]\n    content {\n      description = \"port ${ingress.value}\"\n      from_port   = ingress.value\n      to_port     = ingress.value\n      protocol    = \"tcp\"\n      cidr_blocks = [cidrsubnet(\"10.0.0.0/8\", 8, %d)]\n    }\n  }\n}\n\n", i, i, i, 8000+i, i)
		w.printf("resource \"aws_iam_policy\" \"policy_%d\" {\n  for_each = toset([\"read\", \"write\"])\n  name     = \"${local.value_%d}-${each.key}\"\n  policy   = jsonencode({ Statement = [{ Effect = \"Allow\", Action = \"s3:${each.key}\", Resource = \"*\" }] })\n}\n\n", i, i)
	}
	w.printf("module \"group\" {\n  source   = \"./modules/node-group\"\n  for_each = var.groups\n  name     = each.key\n  settings = each.value\n  tags     = local.tags\n}\n")
}

// nodeGroup is the module that publishedModule calls.
func (w *writer) nodeGroup() {
	w.printf("variable \"name\" {\n  type = string\n}\n\nvariable \"settings\" {\n  type = any\n}\n\nvariable \"tags\" {\n  type = map(string)\n}\n\n")
	for i := range 20 {
		w.printf("resource \"aws_ebs_volume\" \"data_%d\" {\n  availability_zone = \"a\"\n  size              = lookup(var.settings, \"size\", %d)\n  encrypted         = try(var.settings.encrypted, true)\n  tags              = merge(var.tags, { Group = var.name })\n}\n\n", i, 10+i)
	}
}

// moduleCalls is an example that calls publishedModule three times.
func (w *writer) moduleCalls(n int) {
	for i := range 3 {
		w.printf("module \"cluster_%d\" {\n  source   = \"../..\"\n  name     = \"cluster-%d-%d\"\n  option_1 = true\n  groups = {\n", i, n, i)
		for g := range 4 {
			w.printf("    %s_%d = { size = %d, encrypted = %v }\n", pick(w.rnd, words), g, 20+g, g%2 == 0)
		}
		w.printf("  }\n}\n\n")
	}
}

// packages is the number of packages of each ecosystem; see [advisories].
const packages = 10_000

// version is that of a package in a lockfile; one in 50 has an advisory if its
// package has one.
func (w *writer) version() string {
	return fmtVersion(1+btoi(w.rnd.IntN(50) > 0)*(1+w.rnd.IntN(8)), w.rnd.IntN(20), w.rnd.IntN(20))
}

// some picks n packages, each once, in order of their numbers.
func (w *writer) some(n int, f func(i int)) {
	step := packages / n
	for i := range n {
		f(i*step + w.rnd.IntN(step))
	}
}

func (w *writer) packageLock(n int) {
	w.printf("{\n  \"name\": %q,\n  \"version\": \"1.0.0\",\n  \"lockfileVersion\": 3,\n  \"requires\": true,\n  \"packages\": {\n    \"\": {\"name\": \"app\", \"version\": \"1.0.0\"}", pick(w.rnd, words))
	w.some(n, func(i int) {
		v := w.version()
		w.printf(",\n    \"node_modules/bench-pkg-%d\": {\n      \"version\": %q,\n      \"resolved\": \"https://registry.npmjs.org/bench-pkg-%d/-/bench-pkg-%d-%s.tgz\",\n      \"integrity\": \"sha512-%s==\",\n      \"license\": \"MIT\"\n    }",
			i, v, i, i, v, pickFrom(w.rnd, alnum, 86))
	})
	w.printf("\n  }\n}\n")
}

func (w *writer) cargoLock(n int) {
	w.printf("version = 3\n")
	w.some(n, func(i int) {
		w.printf("\n[[package]]\nname = \"bench-pkg-%d\"\nversion = %q\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = %q\n", i, w.version(), hexString(w.rnd, 64))
	})
}

func (w *writer) requirements(n int) {
	w.some(n, func(i int) { w.printf("bench-pkg-%d==%s\n", i, w.version()) })
}

func (w *writer) goMod(n int) {
	w.printf("module example.com/%s\n\ngo 1.26.0\n\nrequire (\n", pick(w.rnd, words))
	w.some(n, func(i int) {
		// Majors above 1 have another path in Go.
		w.printf("\texample.org/bench-pkg-%d v1.%d.%d\n", i, btoi(w.rnd.IntN(50) > 0)*(1+w.rnd.IntN(8)), w.rnd.IntN(20))
	})
	w.printf(")\n")
}
