# make demo: the main job on real parts. make test: the tests. Both install
# from Debian what they need, after saying so. The rest: make help.

GO ?= go
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
BIN = build/bin

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: deps ## signetd and signetctl, into build/bin
	@mkdir -p $(BIN)
	$(GO) build -o $(BIN)/signetd ./daemon/cmd/signetd
	CGO_ENABLED=0 $(GO) build -o $(BIN)/signetctl ./daemon/cmd/signetctl

.PHONY: demo
demo: build ## makes keys, signs a file, verifies with openssl; results in build/demo
	$(GO) build -o $(BIN)/demo ./testsoftHSM/demo
	testsoftHSM/as-root $(BIN)/demo

.PHONY: test
test: deps ## every test that takes less than minutes
	$(GO) test -timeout 5m ./...

.PHONY: race
race: deps ## the same under the race detector
	$(GO) test -race -timeout 15m ./...

.PHONY: check
check: deps ## format, vet, staticcheck, imports, generated code
	testsoftHSM/deps check
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo 'check: gofmt would change these'; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) vet -tags man ./daemon/cmd/signetctl
	$(GO) run $(STATICCHECK) -tags man ./daemon/cmd/signetctl
	$(GO) test -count=1 -run '^TestImports' ./daemon
	$(GO) mod tidy -diff
	protocol/check-generated

.PHONY: test-examples
test-examples: deps ## the clients in Python and Java against a real daemon; needs root
	testsoftHSM/deps examples
	SIGNET_REQUIRE=root,java $(GO) test -count=1 -timeout 5m ./protocol/examples

.PHONY: man
man: deps ## manual pages in English and Chinese, into build/man
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(GO) run -tags man ./daemon/cmd/signetctl build/man

.PHONY: proto
proto: ## protocol/signet.pb.go from signet.proto
	testsoftHSM/deps check
	$(GO) generate ./protocol

DECISIONS ?= 1000000
SEED ?= 1
.PHONY: test-model
test-model: deps ## a million decisions against a simple model of the rules
	testsoftHSM/model $(DECISIONS) $(SEED)

.PHONY: test-crash
test-crash: deps ## kill -9 under load, a hundred times: no answered event is lost
	$(GO) run ./testsoftHSM/crash -kills $(or $(KILLS),100)

SECONDS ?= 60
.PHONY: soak
soak: deps ## twice the capacity for a minute: what is too much is refused, nothing grows
	$(GO) run ./testsoftHSM/soak -seconds $(SECONDS)

.PHONY: bench
bench: build ## signatures a second against the in-process limit; BENCH= for its flags; needs root
	@mkdir -p build/bench-null
	$(GO) build -tags bench_null -o build/bench-null/signetd ./daemon/cmd/signetd
	cp $(BIN)/signetctl build/bench-null/
	$(GO) build -o $(BIN)/bench ./testsoftHSM/bench
	testsoftHSM/as-root $(BIN)/bench -bin $(BIN) -null build/bench-null $(BENCH)

.PHONY: test-systemd
test-systemd: deps ## installs into a real systemd in a container and uses it; needs root
	testsoftHSM/deps systemd
	systemd/test/run

.PHONY: deps
deps:
	@testsoftHSM/deps test

.PHONY: clean
clean: ## removes build/
	rm -rf build
