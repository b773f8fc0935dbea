# Fresh machine: Go and make are enough for every target but ci.
GO      ?= go
LINT    := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
BIN     := bin
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
export CGO_ENABLED = 0

.DEFAULT_GOAL := help
.PHONY: help build run test soak lint fmt generate bench fuzz cross clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the host into bin/ and the connectors into bin/connectors/
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/synchost ./host
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/connectors/ ./plugins/...

run: build ## build, and start the host on connectors.toml
	$(BIN)/synchost run --config connectors.toml

test: ## run every test with the race detector where a C compiler is there
	@sh .ci/test.sh

soak: ## an hour of load, kills and faults (SYNCHOST_SOAK=2m: two minutes), then the promises
	SYNCHOST_SOAK=$${SYNCHOST_SOAK:-1h} $(GO) test -count 1 -timeout 0 -v -run '^TestSoak$$' ./host/e2e

lint: ## vet, formatting, linters
	$(GO) vet ./...
	@unformatted=$$(gofmt -l host plugins sdk); if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	$(GO) run $(LINT) run ./...

generate: ## make generated files again: protobuf, schemas, option tables
	$(GO) generate ./...

bench: build ## the whole job beside a bare loopback POST, as a table of ratios (BENCH="-only ij -vast": to a million products)
	$(GO) run ./host/e2e/bench -bin $(BIN) $(BENCH)

fuzz: ## a short run of every fuzz target
	@sh .ci/fuzz.sh

cross: ## build for every system and processor that is promised
	@for os in linux darwin windows; do for arch in amd64 arm64; do \
		echo "$$os/$$arch"; GOOS=$$os GOARCH=$$arch $(GO) build -pgo=off -o /dev/null ./host && \
		for p in $$($(GO) list ./plugins/...); do GOOS=$$os GOARCH=$$arch $(GO) build -pgo=off -o /dev/null $$p || exit 1; done || exit 1; \
	done; done

clean: ## remove what was built; data/ stays
	rm -rf $(BIN)
