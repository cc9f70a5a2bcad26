# leat: `make help` lists the verbs. Everything is incremental; a build goes to build/.
JOBS    ?= $(shell nproc)
VERBOSE ?= 0
PREFIX  ?= /usr/local
PRESET  ?= release

# cmake takes any VERBOSE in its environment for a yes.
ifeq ($(VERBOSE),0)
unexport VERBOSE
else
export VERBOSE
endif

# The folder of a preset.
folder_of = build$(if $(filter release,$(1)),,/$(1))
# Configures once (ninja does it again by itself when a CMake file changes), then builds.
define compile
	@test -f $(call folder_of,$(1))/build.ninja -a -f $(call folder_of,$(1))/CMakeCache.txt || cmake --preset $(1) $(if $(filter 0,$(VERBOSE)),--log-level=WARNING)
	@cmake --build $(call folder_of,$(1)) -j $(JOBS) $(if $(filter 0,$(VERBOSE)),,--verbose) --target $(2)
endef

.DEFAULT_GOAL := help
.PHONY: help deps build run run-cluster test test-fast bench bench-cluster bench-peers faults faults-cluster lint fmt fuzz asan tsan install package clean services-up services-down registry-clients

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  JOBS=N  VERBOSE=1  PRESET=dev (for build)  PREFIX=/usr/local (for install)"

deps: ## install what the build needs and is missing (root or sudo)
	@scripts/deps

build: deps ## build/leat (PRESET=dev: build/dev/leat)
	$(call compile,$(PRESET),leat)

run: build ## build, then run the example project
	@scripts/run-example

run-cluster: build ## build, then run the example project on real Kafka, Cassandra and PostgreSQL
	@scripts/deps --services
	@scripts/run-cluster

test: ## every test, with a table of times; the last line counts them
	@JOBS=$(JOBS) scripts/test

test-fast: ## unit tests and the laws of the source tree
	@JOBS=$(JOBS) scripts/test tidy unit

faults: ## the long run of tests/faults
	@JOBS=$(JOBS) LEAT_FAULTS=full scripts/test faults

faults-cluster: deps ## processes on real Kafka, Cassandra, PostgreSQL, and what befalls them, a hundred times (ROUNDS=3 of each)
	$(call compile,release,leat)
	@scripts/deps --services
	@PYTHONDONTWRITEBYTECODE=1 python3 tests/faults/cluster.py $(if $(ROUNDS),--rounds $(ROUNDS))

asan: ## unit and golden tests under AddressSanitizer and UBSan
	@JOBS=$(JOBS) scripts/test --preset asan unit golden

tsan: ## unit and golden tests under ThreadSanitizer
	@JOBS=$(JOBS) scripts/test --preset tsan unit golden

bench: deps ## each rate beside its ceiling, and a table of goals at the end (ONLY=name)
	$(call compile,release,bench)
	$(call compile,release,leat)
	@PYTHONDONTWRITEBYTECODE=1 python3 bench/run.py $(ONLY)

bench-cluster: deps ## rates on real Kafka and PostgreSQL beside their ceilings (ONLY="read append" ROUNDS=5)
	$(call compile,release,bench)
	$(call compile,release,leat)
	@scripts/deps --services
	@PYTHONDONTWRITEBYTECODE=1 python3 bench/cluster.py $(ONLY) --rounds $(or $(ROUNDS),5)

bench-peers: deps ## the same jobs by leat and by Apache Spark, which it installs, in turn (ONLY="noop cassandra" ROUNDS=5)
	$(call compile,release,bench_kafka_bench)
	$(call compile,release,leat)
	@scripts/deps --services
	@PYTHONDONTWRITEBYTECODE=1 python3 bench/peers.py $(if $(ONLY),--jobs $(ONLY)) --rounds $(or $(ROUNDS),5)

lint: ## clang's warnings and lock checks, clang-tidy, format (LINT=all: every file)
	@scripts/deps --lint
	@JOBS=$(JOBS) scripts/lint $(LINT)

services-up: ## install and start the real Kafka, Cassandra and PostgreSQL of the tests
	@scripts/deps --services
	@tests/services/services up postgres kafka cassandra

registry-clients: ## Confluent's Python and JavaScript clients try leat's schema registry
	@scripts/deps --services
	@JOBS=$(JOBS) ONLY='*ConfluentsClients*' scripts/test e2e

services-down: ## stop them
	@tests/services/services down

fmt: ## format src/, bench/ and fuzz/
	@scripts/deps --lint
	@git ls-files --cached --others --exclude-standard 'src/*.cc' 'src/*.h' 'bench/*.cc' 'bench/*.h' 'fuzz/*.cc' | xargs -r clang-format-14 -i

fuzz: ## run each fuzz target for SECONDS_EACH=60 (ONLY=name)
	@scripts/deps --lint
	@JOBS=$(JOBS) ONLY=$(ONLY) SECONDS_EACH=$(or $(SECONDS_EACH),60) scripts/fuzz

install: build ## install to PREFIX
	cmake --install build --prefix $(DESTDIR)$(PREFIX)

package: build ## dist/leat-VERSION-linux-x86_64.tar.gz with all libraries but glibc
	@scripts/package

clean: ## remove build/ and dist/ (downloads in .deps/ stay)
	rm -rf build dist
