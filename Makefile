# leat: `make help` lists the verbs. Everything is incremental; a build goes to build/.
JOBS    ?= $(shell nproc)
VERBOSE ?= 0
PREFIX  ?= /usr/local
PRESET  ?= release

# The folder of a preset.
folder_of = build$(if $(filter release,$(1)),,/$(1))
# Configures once (ninja does it again by itself when a CMake file changes), then builds.
define compile
	@test -f $(call folder_of,$(1))/build.ninja -a -f $(call folder_of,$(1))/CMakeCache.txt || cmake --preset $(1) $(if $(filter 0,$(VERBOSE)),--log-level=WARNING)
	@cmake --build $(call folder_of,$(1)) -j $(JOBS) $(if $(filter 0,$(VERBOSE)),,--verbose) --target $(2)
endef

.DEFAULT_GOAL := help
.PHONY: help deps build run test test-fast bench faults lint fmt fuzz asan tsan install package clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  JOBS=N  VERBOSE=1  PRESET=dev (for build)  PREFIX=/usr/local (for install)"

deps: ## install what the build needs and is missing (root or sudo)
	@scripts/deps

build: deps ## build/leat (PRESET=dev: build/dev/leat)
	$(call compile,$(PRESET),leat)

run: build ## build, then run the example project
	@scripts/run-example

test: deps ## every test, with a table of times; the last line counts them
	@JOBS=$(JOBS) VERBOSE=$(VERBOSE) scripts/test

test-fast: deps ## unit tests only
	@JOBS=$(JOBS) VERBOSE=$(VERBOSE) scripts/test unit

clean: ## remove build/ (downloads in .deps/ stay)
	rm -rf build
