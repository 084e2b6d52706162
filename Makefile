# `make` builds the default study; `make help` lists the rest.
VENV ?= .venv
PYTHON ?= python3
CORES ?= all
# Workers of the tests: one more than two cores, because the SLURM tests mostly wait.
WORKERS ?= 3
BIN := $(VENV)/bin
export PATH := $(abspath $(BIN)):$(PATH)
export MPLBACKEND := agg

.DEFAULT_GOAL := all
.PHONY: all test quick lint format docs bench report provenance plan export pins schema soak verify clean help

all: $(BIN)/.installed  ## the default study: tables, figures, claims, report (in results/)
	snakemake --cores $(CORES) all report

test: $(BIN)/.installed-dev  ## all tests
	python -m pytest tests -n $(WORKERS) --dist loadfile --no-loadscope-reorder

quick: $(BIN)/.installed-dev  ## the fast tests, in under a minute: the loop for an edit
	python -m pytest tests -n 2 --dist loadfile -m "not slow"

lint: $(BIN)/.installed-dev  ## ruff, mypy, snakefmt, snakemake --lint, the schemas of GitHub's files
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check Snakefile rules
	snakemake --lint
	check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml

docs: $(BIN)/.installed-dev  ## the documentation in site/: a warning or a broken internal link is an error
	sphinx-build --quiet --fail-on-warning --keep-going --builder html docs site

format: $(BIN)/.installed-dev  ## put all code into the house's form
	ruff check --fix .
	ruff format .
	snakefmt Snakefile rules

bench: $(BIN)/.installed-dev  ## the benchmarks, side by side with their peers (minutes)
	for benchmark in benchmarks/*.py; do python $$benchmark || exit 1; done

report: $(BIN)/.installed  ## results/report.html, after what it needs
	snakemake --cores $(CORES) report

provenance: $(BIN)/.installed  ## make provenance FILE=results/claims.csv: what made a file, and whether it would be made again
	python -m koopflow.cli.provenance $(FILE)

plan: $(BIN)/.installed  ## make plan CONFIG=config/paper.yaml: the jobs left of a study, what they ask of a cluster, expected node hours
	python -m koopflow.cli.plan -- all $(if $(CONFIG),--configfile $(CONFIG))

export: $(BIN)/.installed  ## make export: study.tar.gz with tables, figures, report, config, provenance (EVERYTHING=1: trajectories, too)
	python -m koopflow.cli.export study.tar.gz $(if $(CONFIG),--configfile $(CONFIG)) $(if $(EVERYTHING),--largest inf)

pins: $(BIN)/.installed  ## envs/pinned/ from envs/ and requirements.txt
	python envs/pin.py

schema: $(BIN)/.installed  ## config/config.schema.yaml and docs/reference/configuration.md, from the models of the configuration
	python -m koopflow.cli.schema

soak: $(BIN)/.installed-dev  ## kill the default study 25 times, go on each time, compare with an undisturbed run (an hour)
	python -m tests.robustness.soak

verify: $(BIN)/.installed  ## read every file in results/ and say which one is damaged
	python -m koopflow.cli.verify results

clean:  ## remove what runs made (not the environment)
	rm -rf results/[!R]* .snakemake .checkpoints logs site docs/auto_tutorials docs/reference/generated

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(BIN)/.installed: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.txt
	touch $@

$(BIN)/.installed-dev: requirements-dev.txt $(BIN)/.installed
	$(BIN)/pip install --quiet --requirement requirements-dev.txt
	touch $@
