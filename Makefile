# Parley's makefile: needs Go and make. What else a target needs is installed where that can be done (as root, with
# apt-get) and named in one line where it cannot; with CI=true, a thing that is missing is a failure.

GO       ?= go
ROUNDS   ?= 5
MESSAGES ?= 1000000
PLOT     ?=
RUNS     ?= 3
FAULT    ?=
IDLE     ?= 10m
FUZZ     ?=
SEED     ?= 1
BIN      := bin
TESTDB   := $(BIN)/parley-testdb
IMAGE    ?= parley

# Where the tests are.
NODE   := test/clients/node
FAULTS := ./test/faults
BENCH  := ./test/bench
FUZZER := test/fuzz

GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
ACTIONLINT    := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
GOVULNCHECK   := golang.org/x/vuln/cmd/govulncheck@v1.9.0
REDOCLY       := @redocly/cli@2.77.0
SPECTRAL      := @stoplight/spectral-cli@6.16.3

# The generators of clients that are no dependency of anything here. What they made is kept beside them.
GENERATORS        ?= $(HOME)/.cache/parley-generators
OPENAPI_GENERATOR := 7.25.0

# What the binary is stamped with. Without git or a tag these are empty, and the binary says what Go knows of its build.
# The date is that of the commit: a build of the same commit is the same binary.
VERSION = $(shell git describe --tags --match 'v[0-9]*' --dirty 2>/dev/null)
COMMIT  = $(shell git describe --always --exclude '*' --abbrev=40 --dirty 2>/dev/null)
DATE    = $(shell TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null)
STAMP   := github.com/parley-chat/parley/cmd/parley/version
LDFLAGS = -s -w -X $(STAMP).Version=$(VERSION) -X $(STAMP).Commit=$(COMMIT) -X $(STAMP).Date=$(DATE)

# The last step of every "this is missing" branch.
ifeq ($(CI),true)
GIVE_UP := exit 1
else
GIVE_UP := exit 0
endif

CAN_INSTALL  := [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null
APT_INSTALL  := export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && apt-get install -y -qq --no-install-recommends >/dev/null
HAS_COMPILER := command -v $$($(GO) env CC | cut -d ' ' -f 1) >/dev/null

# The race detector, but not in SQLite: that is C translated to Go by a program, and with the detector the tests would
# take three times as long. Its callers are checked.
RACE := -race -gcflags=modernc.org/sqlite/...=-race=false -gcflags=modernc.org/libc/...=-race=false
# A program with the detector would wait a second before it ends, and the tests start hundreds of them.
export GORACE := atexit_sleep_ms=0

# The two packages that take longest are named first, so that they are not what is left at the end. Many tests wait, so
# more of them run at once than there are cores. "make lint" vets.
TESTS := -vet=off -parallel 4 -timeout 60m ./test/api ./test/clients ./...

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## build Parley and start it on SQLite in data/
	@$(BIN)/parley serve

.PHONY: build
build: ## build the static binary bin/parley
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/parley ./cmd/parley

.PHONY: image
image: ## build the Docker image (IMAGE=parley)
	@if ! command -v docker >/dev/null; then \
		echo "image: not built: docker is not installed"; $(GIVE_UP); \
	elif ! docker info >/dev/null 2>&1; then \
		echo "image: not built: no docker daemon is running"; $(GIVE_UP); \
	fi; \
	docker build --build-arg VERSION='$(VERSION)' --build-arg COMMIT='$(COMMIT)' --build-arg DATE='$(DATE)' \
		--tag $(IMAGE) .

.PHONY: test
test: compiler postgres node browser shell ## run all tests, with the race detector, on private servers of what Parley can use
	@if $(HAS_COMPILER); then \
		CGO_ENABLED=1 $(TESTDB) -fast -- $(GO) test $(RACE) $(TESTS); \
	else \
		CGO_ENABLED=0 $(TESTDB) -fast -- $(GO) test $(TESTS); \
	fi

# Without the race detector, PostgreSQL, S3, browsers, the programs of others, and what takes more than a few seconds.
.PHONY: check
check: ## run the quick tests, for the time between two changes: under a minute
	@PARLEY_TEST_POSTGRES= PARLEY_TEST_S3= CI= CGO_ENABLED=0 $(GO) test -short ./...

# Each client is made again only when the contract, its section of docs/clients.md or its program has changed.
.PHONY: test-generators
test-generators: shell maven cargo venv ## make a client with each generator of docs/clients.md, and run programs with them
	@PARLEY_GENERATORS=$(GENERATORS) CGO_ENABLED=0 $(GO) test -count=1 -parallel 2 -timeout 30m ./test/generators

# Its servers are its own, since it kills them; parley-testdb is there to end whatever a run that is broken off leaves.
# Without the race detector, which would leave nothing of the two cores that CI has for what is to be done at once.
.PHONY: test-faults
test-faults: postgres ## break three nodes, PostgreSQL, NATS and the lines between (RUNS=3 each, FAULT=name for one)
	@PARLEY_TEST_POSTGRES=none PARLEY_TEST_S3=none PARLEY_FAULTS=$(RUNS) PARLEY_FAULT=$(FAULT) CGO_ENABLED=0 \
		$(TESTDB) -- $(GO) test -count=1 -v -timeout 24h -run 'TestFaults|TestPlantedDefectsAreCaught' $(FAULTS)

# Without a time it sends a fixed number of requests, the same for the same SEED.
.PHONY: test-fuzz
test-fuzz: compiler schemathesis ## send what Schemathesis makes of openapi.yaml (FUZZ=600 for ten minutes, SEED=2)
	@if ! [ -x $(SCHEMATHESIS) ]; then exit 0; fi; \
	export PARLEY_TEST_SCHEMATHESIS=$(abspath $(SCHEMATHESIS)) PARLEY_TEST_FUZZ_TIME=$(FUZZ) PARLEY_TEST_FUZZ_SEED=$(SEED); \
	if $(HAS_COMPILER); then CGO_ENABLED=1 $(GO) test $(RACE) -count=1 -v -timeout 24h ./$(FUZZER); \
	else CGO_ENABLED=0 $(GO) test -count=1 -v -timeout 24h ./$(FUZZER); fi

# One iteration is one round of Parley and of what stands beside it; the figures are medians of the rounds.
.PHONY: bench
bench: postgres ## measure Parley beside the bare limits (twenty minutes; ROUNDS=1 for a glance)
	@CGO_ENABLED=0 $(TESTDB) -- $(GO) test -run '^$$' -bench '^BenchmarkParley$$' -benchtime $(ROUNDS)x -timeout 30m $(BENCH)

.PHONY: bench-hidden
bench-hidden: postgres ## measure whether response times reveal what is hidden
	@CGO_ENABLED=0 $(TESTDB) -- $(GO) test -run '^$$' -bench '^BenchmarkUnknown$$' -benchtime $(ROUNDS)x -timeout 30m $(BENCH)

# Of the ten million (MESSAGES=10000000) PostgreSQL's take 12 GB of disk for a while, SQLite's 6 GB.
.PHONY: bench-size
bench-size: postgres ## measure what grows with rooms and with the database (MESSAGES=10000000, PLOT=file.svg)
	@PARLEY_BENCH_MESSAGES=$(MESSAGES) PARLEY_BENCH_PLOT=$(abspath $(PLOT)) CGO_ENABLED=0 $(TESTDB) -- \
		$(GO) test -run '^$$' -bench '^BenchmarkGrowth$$' -benchtime $(ROUNDS)x -timeout 2h $(BENCH)

.PHONY: bench-writer
bench-writer: postgres ## measure how long changes hold the database's one writer in a room of up to a million messages
	@CGO_ENABLED=0 $(TESTDB) -- $(GO) test -run '^$$' -bench '^BenchmarkWriter$$' -benchtime 300x -timeout 30m ./models/store

# On SQLite, whose one writer all wait for.
.PHONY: bench-deletions
bench-deletions: ## measure how long the end of an account or a room holds the writer, by how much it had
	@CGO_ENABLED=0 $(GO) test -run '^$$' -bench '^BenchmarkDeletions$$' -benchtime 1x -timeout 30m ./models/store

# Once, and on Linux alone.
.PHONY: bench-idle
bench-idle: ## hold ten thousand streams on which nothing happens, then send to all (IDLE=10m)
	@PARLEY_BENCH_IDLE=$(IDLE) CGO_ENABLED=0 $(GO) test -run '^$$' -bench BenchmarkIdle -benchtime 1x -timeout 0 $(BENCH)

.PHONY: lint
lint: lint-go lint-contract lint-client lint-docs lint-workflow ## check the code, contract, web client, documents and workflow

# Without cgo, so that the linters need no C compiler and see the code that is released.
.PHONY: lint-go
lint-go:
	@unformatted=$$(gofmt -s -l .); if [ -n "$$unformatted" ]; then \
		echo "lint: gofmt -s would change:"; echo "$$unformatted"; exit 1; fi
	@CGO_ENABLED=0 $(GO) vet ./...
	@CGO_ENABLED=0 $(GO) run $(GOLANGCI_LINT) run

# The strict rules, because Redocly's exit status passes over warnings. It reports on stdout and puts up banners on
# stderr, which matter only when it could not report. AsyncAPI's parser checks what is generated for the event stream.
.PHONY: lint-contract
lint-contract: node
	@if ! command -v npx >/dev/null; then \
		echo "lint: openapi.yaml is not checked: npx (Node.js) is not installed"; $(GIVE_UP); \
	fi; \
	mkdir -p $(BIN); \
	export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true; \
	report=$$(npx --yes $(REDOCLY) lint --config .redocly.yaml --extends recommended-strict --format stylish openapi.yaml 2>$(BIN)/redocly.log) || { \
		if [ -n "$$report" ]; then echo "$$report"; else cat $(BIN)/redocly.log; fi; exit 1; }; \
	npx --yes $(SPECTRAL) lint --quiet --fail-severity=hint --ruleset .spectral.yaml openapi.yaml
	@if ! [ -e $(NODE)/node_modules/@asyncapi/parser ]; then \
		echo "lint: asyncapi.yaml is not checked: Node.js, or what npm fetches, is missing"; $(GIVE_UP); \
	fi; \
	node $(NODE)/asyncapi.mjs handlers/api/asyncapi.yaml

# The types are in the comments: the web client is served as it is written, and the SDK is put into one file.
.PHONY: lint-client
lint-client: node
	@if ! command -v node >/dev/null || ! [ -e $(NODE)/node_modules/.bin/tsc ]; then \
		echo "lint: the web client's types are not checked: Node.js, or what npm fetches, is missing"; $(GIVE_UP); \
	fi; \
	$(NODE)/node_modules/.bin/tsc --project handlers/web/client

# Without shellcheck and pyflakes, which some machines have and some do not.
.PHONY: lint-workflow
lint-workflow:
	@CGO_ENABLED=0 $(GO) run $(ACTIONLINT) -shellcheck= -pyflakes=

# Asks vuln.go.dev, and is therefore no part of lint.
.PHONY: vulnerabilities
vulnerabilities: ## look for known vulnerabilities in what the code calls
	@CGO_ENABLED=0 $(GO) run $(GOVULNCHECK) ./...

# Fences, tables, relative links and anchors of all Markdown.
.PHONY: lint-docs
lint-docs:
	@CGO_ENABLED=0 $(GO) test ./docs

.PHONY: generate
generate: node ## make the generated code anew from openapi.yaml, and the SDK and its element from their sources
	@$(GO) generate ./...
	@if ! [ -e $(NODE)/node_modules/.bin/openapi-typescript ]; then \
		echo "generate: sdk/sdk.d.ts is not made anew: Node.js, or what npm fetches, is missing"; $(GIVE_UP); \
	fi; \
	mkdir -p $(BIN); \
	$(NODE)/node_modules/.bin/openapi-typescript openapi.yaml >$(BIN)/schema.d.ts 2>$(BIN)/schema.log || { \
		cat $(BIN)/schema.log; exit 1; }; \
	cat sdk/types.d.ts $(BIN)/schema.d.ts >sdk/sdk.d.ts

.PHONY: clean
clean: ## remove what was built; data/ stays
	@rm -rf $(BIN)

# The race detector is linked by the C compiler.
.PHONY: compiler
compiler:
	@if ! $(HAS_COMPILER); then \
		if $(CAN_INSTALL); then $(APT_INSTALL) gcc libc6-dev; \
		else echo "test: the race detector is off: there is no C compiler"; $(GIVE_UP); fi; \
	fi

# Debian's package starts its own server unless it is configured not to; an existing configuration is not changed.
.PHONY: postgres
postgres: $(TESTDB)
	@if ! $(TESTDB) -find >/dev/null 2>&1 && $(CAN_INSTALL); then \
		mkdir -p /etc/postgresql-common; \
		[ -e /etc/postgresql-common/createcluster.conf ] || \
			echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf; \
		$(APT_INSTALL) postgresql; \
	fi

# The clients of others that the tests run against Parley. npm leaves a note of what it put there.
.PHONY: node
node:
	@if ! command -v npm >/dev/null; then \
		echo "node: what needs npm is left out: npm (Node.js) is not installed"; $(GIVE_UP); \
	elif ! [ $(NODE)/node_modules/.package-lock.json -nt $(NODE)/package-lock.json ]; then \
		cd $(NODE) && npm ci --loglevel=error --no-progress >/dev/null && touch node_modules/.package-lock.json || { \
			echo "node: what needs npm is left out: npm could not fetch it"; $(GIVE_UP); }; \
	fi

# The browsers for the web client. Ubuntu's packages of these names only fetch a snap, which neither a container nor a
# browser that is driven by a program can do with; Debian's are the browsers themselves.
.PHONY: browser
browser: chromium firefox

# The build without windows takes two thirds of the processor that the whole browser does.
.PHONY: chromium
chromium:
	@if [ -n "$$CHROMIUM" ] || command -v chromium-headless-shell >/dev/null; then exit 0; fi; \
	if $(CAN_INSTALL) && grep -qx 'ID=debian' /etc/os-release; then \
		($(APT_INSTALL) chromium-headless-shell) && exit 0; \
	fi; \
	for name in chromium chromium-browser google-chrome; do \
		"$$name" --version >/dev/null 2>&1 && exit 0; \
	done; \
	echo "test: the web client is left out: there is no Chromium"; $(GIVE_UP)

.PHONY: firefox
firefox:
	@for name in "$$FIREFOX" firefox-esr firefox; do \
		"$$name" --version >/dev/null 2>&1 && exit 0; \
	done; \
	if $(CAN_INSTALL) && grep -qx 'ID=debian' /etc/os-release; then $(APT_INSTALL) firefox-esr; \
	else echo "test: the web client in Firefox is left out: there is no Firefox"; $(GIVE_UP); fi

# What the tours of the documents, the example bot and the proxy of deploy/compose.yaml are run with.
.PHONY: shell
shell:
	@missing=; for program in curl jq haproxy python3; do command -v $$program >/dev/null || missing="$$missing $$program"; done; \
	command -v java >/dev/null || missing="$$missing default-jdk-headless"; \
	if [ -n "$$missing" ]; then \
		if $(CAN_INSTALL); then $(APT_INSTALL) $$missing; \
		else echo "test: what takes$$missing is left out: not installed"; $(GIVE_UP); fi; \
	fi

# Maven fetches openapi-generator, which is a program in Java, and builds the clients in Java and Kotlin.
.PHONY: maven
maven:
	@if ! command -v mvn >/dev/null; then \
		if $(CAN_INSTALL); then $(APT_INSTALL) maven default-jdk-headless; \
		else echo "test-generators: openapi-generator is left out: Maven is not installed"; $(GIVE_UP); fi; \
	fi; \
	[ -e $(GENERATORS)/openapi-generator-cli-$(OPENAPI_GENERATOR).jar ] || \
		mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -Dartifact=org.openapitools:openapi-generator-cli:$(OPENAPI_GENERATOR) \
			-DoutputDirectory=$(GENERATORS) || { \
		echo "test-generators: openapi-generator is left out: Maven could not fetch it"; $(GIVE_UP); }

# The cargo of Debian 12 is too old for the client in Rust. Debian has a newer one for its browsers, which is tried first.
.PHONY: cargo
cargo:
	@if ! command -v cargo >/dev/null; then \
		if ! $(CAN_INSTALL); then \
			echo "test-generators: the client in Rust is left out: cargo is not installed"; $(GIVE_UP); fi; \
		($(APT_INSTALL) cargo-web) 2>/dev/null || ($(APT_INSTALL) cargo); \
	fi

# Debian has Python's venv in a package of its own.
.PHONY: venv
venv:
	@if ! python3 -m venv --help >/dev/null 2>&1 || ! python3 -c 'import ensurepip' 2>/dev/null; then \
		if $(CAN_INSTALL); then $(APT_INSTALL) python3 python3-venv; \
		else echo "test: what needs packages of Python is left out: Python, or its venv, is not installed"; $(GIVE_UP); fi; \
	fi

# Schemathesis and what it needs, in a folder of its own.
SCHEMATHESIS := $(BIN)/schemathesis/bin/schemathesis

.PHONY: schemathesis
schemathesis: venv
	@if [ -x $(SCHEMATHESIS) ] && ! [ $(FUZZER)/requirements.txt -nt $(BIN)/schemathesis/installed ]; then exit 0; fi; \
	rm -rf $(BIN)/schemathesis; mkdir -p $(BIN); \
	python3 -m venv $(BIN)/schemathesis && \
		$(BIN)/schemathesis/bin/pip install --quiet --disable-pip-version-check --no-deps -r $(FUZZER)/requirements.txt && \
		touch $(BIN)/schemathesis/installed || { \
			rm -rf $(BIN)/schemathesis; echo "test: nothing is fuzzed: pip could not fetch Schemathesis"; $(GIVE_UP); }

# Always built, and cheaply when nothing changed: Go knows what it depends on, make does not.
.PHONY: $(TESTDB)
$(TESTDB):
	@CGO_ENABLED=0 $(GO) build -buildvcs=false -o $@ ./cmd/parley-testdb
