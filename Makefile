# Every target starts from nothing installed; .venv is made once and kept.
PYTHON ?=
DEMO ?= demo
DEMO_ARGS ?= --seed 0
export PYTHON

.PHONY: demo test check docs setup

demo: setup  ## the whole pipeline on a drawn crawl; ends in $(DEMO)/run/report/index.html
	.venv/bin/limbeck demo --out $(DEMO) --json $(DEMO_ARGS)

test: setup  ## the test suite
	scripts/test

check: setup  ## lint, format, types, house rules
	scripts/check

docs: setup  ## the documentation site, in site/; a broken link is an error
	scripts/docs

setup:
	@scripts/setup
