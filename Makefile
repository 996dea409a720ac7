# Parley's makefile: needs Go and make. What else a target needs is installed where that can be done (as root, with
# apt-get) and named in one line where it cannot; with CI=true, a thing that is missing is a failure.

GO       ?= go
ROUNDS   ?= 5
MESSAGES ?= 1000000
PLOT     ?=
RUNS     ?= 3
FAULT    ?=
IDLE     ?= 10m
BIN      := bin
TESTDB   := $(BIN)/parley-testdb
NODE     := cmd/parley/testdata/node

GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
REDOCLY       := @redocly/cli@2.77.0

# The last step of every "this is missing" branch.
ifeq ($(CI),true)
GIVE_UP := exit 1
else
GIVE_UP := exit 0
endif

CAN_INSTALL  := [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null
APT_INSTALL  := export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && apt-get install -y -qq --no-install-recommends >/dev/null
HAS_COMPILER := command -v $$($(GO) env CC | cut -d ' ' -f 1) >/dev/null

# The race detector, but not in SQLite: that is C in Go's clothes, made by a machine, and takes the tests' time threefold.
# What calls it is watched.
RACE := -race -gcflags=modernc.org/sqlite/...=-race=false -gcflags=modernc.org/libc/...=-race=false

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## build Parley and start it on SQLite in data/
	@$(BIN)/parley serve

.PHONY: build
build: ## build the static binary bin/parley
	@CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/parley ./cmd/parley

.PHONY: test
test: compiler postgres node browser shell ## run all tests, with the race detector, on private servers of what Parley can use
	@if $(HAS_COMPILER); then \
		CGO_ENABLED=1 $(TESTDB) -- $(GO) test $(RACE) -timeout 45m ./...; \
	else \
		CGO_ENABLED=0 $(TESTDB) -- $(GO) test -timeout 45m ./...; \
	fi

# Its servers are its own, since it kills them; parley-testdb is there to end whatever a run that is broken off leaves.
# Without the race detector, which would leave nothing of the two cores that CI has for what is to be done at once.
.PHONY: test-faults
test-faults: postgres ## break three nodes, PostgreSQL, NATS and the lines between (RUNS=3 each, FAULT=name for one)
	@PARLEY_TEST_POSTGRES=none PARLEY_TEST_S3=none PARLEY_FAULTS=$(RUNS) PARLEY_FAULT=$(FAULT) CGO_ENABLED=0 \
		$(TESTDB) -- $(GO) test -count=1 -v -timeout 24h -run 'TestFaults|TestPlantedDefectsAreCaught' ./cmd/parley

# One iteration is one round of Parley and of what stands beside it; the figures are medians of the rounds.
.PHONY: bench
bench: postgres ## measure Parley beside the bare limits (up to ten minutes; ROUNDS=1 for a glance)
	@CGO_ENABLED=0 $(TESTDB) -- $(GO) test -run '^$$' -bench '^BenchmarkParley$$' -benchtime $(ROUNDS)x -timeout 30m ./cmd/parley

.PHONY: bench-hidden
bench-hidden: postgres ## measure whether an answer's time tells what is hidden from what is not there
	@CGO_ENABLED=0 $(TESTDB) -- $(GO) test -run '^$$' -bench '^BenchmarkUnknown$$' -benchtime $(ROUNDS)x -timeout 30m ./cmd/parley

# Of the ten million (MESSAGES=10000000) PostgreSQL's take 12 GB of disk for a while, SQLite's 6 GB.
.PHONY: bench-size
bench-size: postgres ## measure what grows with rooms and with the database (MESSAGES=10000000, PLOT=file.svg)
	@PARLEY_BENCH_MESSAGES=$(MESSAGES) PARLEY_BENCH_PLOT=$(abspath $(PLOT)) CGO_ENABLED=0 $(TESTDB) -- \
		$(GO) test -run '^$$' -bench '^BenchmarkGrowth$$' -benchtime $(ROUNDS)x -timeout 2h ./cmd/parley

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
	@PARLEY_BENCH_IDLE=$(IDLE) CGO_ENABLED=0 $(GO) test -run '^$$' -bench BenchmarkIdle -benchtime 1x -timeout 0 ./cmd/parley

.PHONY: lint
lint: lint-go lint-contract lint-client lint-docs ## check the code, the contract, the web client's types and the documents

# Without cgo, so that the linters need no C compiler and see the code that is released.
.PHONY: lint-go
lint-go:
	@unformatted=$$(gofmt -s -l .); if [ -n "$$unformatted" ]; then \
		echo "lint: gofmt -s would change:"; echo "$$unformatted"; exit 1; fi
	@CGO_ENABLED=0 $(GO) vet ./...
	@CGO_ENABLED=0 $(GO) run $(GOLANGCI_LINT) run

# The strict rules, because Redocly's exit status passes over warnings. It reports on stdout and puts up banners on
# stderr, which matter only when it could not report.
.PHONY: lint-contract
lint-contract:
	@if ! command -v npx >/dev/null; then \
		echo "lint: openapi.yaml is not checked: npx (Node.js) is not installed"; $(GIVE_UP); \
	fi; \
	mkdir -p $(BIN); \
	export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true; \
	report=$$(npx --yes $(REDOCLY) lint --config .redocly.yaml --extends recommended-strict --format stylish openapi.yaml 2>$(BIN)/redocly.log) || { \
		if [ -n "$$report" ]; then echo "$$report"; else cat $(BIN)/redocly.log; fi; exit 1; }

# The types are in the comments: the web client is served as it is written.
.PHONY: lint-client
lint-client: node
	@if ! command -v node >/dev/null || ! [ -e $(NODE)/node_modules/.bin/tsc ]; then \
		echo "lint: the web client's types are not checked: Node.js, or what npm fetches, is missing"; $(GIVE_UP); \
	fi; \
	$(NODE)/node_modules/.bin/tsc --noEmit --checkJs --allowJs --strict --target esnext --module esnext \
		--moduleResolution bundler --lib esnext,dom,dom.iterable --skipLibCheck handlers/web/client/*.js

# Fences, tables, relative links and anchors of all Markdown.
.PHONY: lint-docs
lint-docs:
	@CGO_ENABLED=0 $(GO) test ./docs

.PHONY: generate
generate: ## make the generated code anew from openapi.yaml
	@$(GO) generate ./...

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

# Debian's package starts a server of its own unless it is told not to; a machine that is set up already keeps its ways.
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
		echo "test: clients in JavaScript are left out: npm (Node.js) is not installed"; $(GIVE_UP); \
	elif ! [ $(NODE)/node_modules/.package-lock.json -nt $(NODE)/package-lock.json ]; then \
		cd $(NODE) && npm ci --loglevel=error --no-progress >/dev/null && touch node_modules/.package-lock.json || { \
			echo "test: clients in JavaScript are left out: npm could not fetch them"; $(GIVE_UP); }; \
	fi

# The browsers for the web client. Ubuntu's packages of these names only fetch a snap, which neither a container nor a
# browser that is driven by a program can do with; Debian's are the browsers themselves.
.PHONY: browser
browser: chromium firefox

.PHONY: chromium
chromium:
	@for name in "$$CHROMIUM" chromium chromium-browser google-chrome; do \
		"$$name" --version >/dev/null 2>&1 && exit 0; \
	done; \
	if $(CAN_INSTALL) && grep -qx 'ID=debian' /etc/os-release; then $(APT_INSTALL) chromium; \
	else echo "test: the web client is left out: there is no Chromium"; $(GIVE_UP); fi

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
	if [ -n "$$missing" ]; then \
		if $(CAN_INSTALL); then $(APT_INSTALL) $$missing; \
		else echo "test: what takes$$missing is left out: not installed"; $(GIVE_UP); fi; \
	fi

# Always built, and cheaply when nothing changed: Go knows what it depends on, make does not.
.PHONY: $(TESTDB)
$(TESTDB):
	@CGO_ENABLED=0 $(GO) build -buildvcs=false -o $@ ./cmd/parley-testdb
