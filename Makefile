# `make` alone lists the targets.
PYTHON := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help setup cloud down test check docs bench conformance

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup:  ## install what is missing: Debian packages (as root) and .venv
	@setup/install

cloud: setup  ## start a cloud here, boot a first guest in it and log in
	@$(PYTHON) -m skyloom.cli.tour

down:  ## stop what `make cloud` started, and leave nothing behind
	@.venv/bin/skyloom down

test:  ## install what is missing, then run every check on the real parts
	@setup/install --test
	@SKYLOOM_REQUIRE_PARTS=1 $(MAKE) --no-print-directory check

check:  ## style, types and tests; what the build runs (by way of `make test`)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -m pytest

docs:  ## write the pages and samples that are made from the code
	$(PYTHON) -m docs.generate
	$(PYTHON) -m tests.rules.samples

bench: setup  ## the benchmarks, each with its figure and unit
	@$(PYTHON) -m tests.bench.run

conformance: setup  ## OpenStack's own suite against a running cloud
	@.venv/bin/skyloom conformance
