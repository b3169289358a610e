# make demo and make test need nothing but Go, and download what they need.
# A dependency uses encoding/json/v2, which Go 1.26 has as an experiment.
export GOEXPERIMENT := jsonv2
export GOTOOLCHAIN ?= go1.26.8

GO      ?= go
ifeq (,$(shell command -v $(GO)))
$(error Go 1.26 or newer is needed to build: https://go.dev/dl)
endif
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X github.com/gatehouse-sec/gatehouse/internal/cli.version=$(VERSION)
TOOL    := $(GO) tool -modfile=tools/go.mod

.DEFAULT_GOAL := help
.PHONY: help build install demo test race check vet fmt lint generate generated tidy bench benchsmoke e2e quality e2e-admission clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

build: ## build bin/gatehouse
	@$(GO) build -ldflags '$(LDFLAGS)' -o bin/gatehouse ./cmd/gatehouse

install: ## install gatehouse into GOBIN
	@$(GO) install -ldflags '$(LDFLAGS)' ./cmd/gatehouse

demo: build ## build, and check a sample application offline
	@sh fixtures/demo/run.sh bin/gatehouse build/demo

test: ## run all tests
	@$(GO) test -timeout 30m ./...

race: ## run the tests of the concurrent packages with the race detector
	@env -u QUALITY_DATA $(GO) test -race -timeout 30m . ./internal/cache ./internal/vulndb/... ./internal/gitstore ./policies ./scanners/secrets/... ./scanners/sca ./attest/... ./admission/... ./internal/image

check: fmt vet lint generated tidy test race ## everything that CI checks

vet: ## go vet
	@$(GO) vet ./...

fmt: ## fail if gofmt would change a file
	@test -z "$$(gofmt -l $$(git ls-files '*.go') | tee /dev/stderr)" || { echo 'run gofmt -w on these files' >&2; exit 1; }

lint: ## fail on what the linters find
	@$(TOOL) revive -config revive.toml -set_exit_status ./...
	@$(TOOL) staticcheck -checks inherit,-SA1019 . ./policies ./internal/cache ./internal/config ./internal/strictyaml ./internal/nearest ./internal/render ./internal/vulndb/... ./attest/... ./admission/... ./internal/image ./internal/registry
	@$(TOOL) errcheck -ignoretests -exclude tools/errcheck.txt ./...

generate: ## write the generated files
	@$(GO) generate ./...

generated: generate ## fail if a generated file is not up to date
	@git diff --exit-code --stat -- '*.schema.json' || { echo 'run make generate and commit the result' >&2; exit 1; }

tidy: ## fail if go.mod is not tidy
	@$(GO) mod tidy -diff

bench: build ## measure, side by side with peers (builds them: minutes)
	@cd bench && $(GO) run . -gatehouse ../bin/gatehouse

benchsmoke: build ## measure the quick rows, without peers
	@cd bench && $(GO) run . -smoke -gatehouse ../bin/gatehouse

e2e: ## hold attestations against cosign and slsa-verifier (builds them once: minutes)
	@cd e2e/attest && GOFLAGS=-mod=mod $(GO) test -count=1 -timeout 90m ./...
	@cd kms && $(GO) test ./...

quality: ## measure how much is found in labelled data at QUALITY_DATA
	@QUALITY_DATA=$${QUALITY_DATA:-$(abspath ../shared/data)} $(GO) test -count=1 -run 'Quality' -v ./scanners/... ./internal/vulndb/...

CONTROLPLANE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/gatehouse-controlplane/v1.37.2

$(CONTROLPLANE)/etcd:
	@cd e2e/admission/controlplane && $(GO) build -trimpath -ldflags '-s -w' -o $@ go.etcd.io/etcd/server/v3

$(CONTROLPLANE)/kube-apiserver:
	@cd e2e/admission/controlplane && CGO_ENABLED=0 $(GO) build -trimpath -o $@ -ldflags '-s -w -X k8s.io/component-base/version.gitVersion=v1.37.2 -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37' k8s.io/kubernetes/cmd/kube-apiserver

e2e-admission: $(CONTROLPLANE)/etcd $(CONTROLPLANE)/kube-apiserver ## test the webhook with a real API server (builds it once: minutes)
	@cd e2e/admission && GATEHOUSE_CONTROLPLANE=$(CONTROLPLANE) $(GO) test -count=1 ./...

clean: ## remove what was built
	@rm -rf bin build
