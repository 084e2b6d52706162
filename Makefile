# `make` builds the default study; `make help` lists the rest.
VENV ?= .venv
PYTHON ?= python3
CORES ?= all
BIN := $(VENV)/bin
export PATH := $(abspath $(BIN)):$(PATH)
export MPLBACKEND := agg

.DEFAULT_GOAL := all
.PHONY: all test lint format bench report provenance plan export pins soak verify clean help

all: $(BIN)/.installed  ## the default study: tables, figures, claims, report (in results/)
	snakemake --cores $(CORES) all report

test: $(BIN)/.installed-dev  ## all tests
	python -m pytest tests

lint: $(BIN)/.installed-dev  ## ruff, snakefmt, snakemake --lint
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile rules
	snakemake --lint

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

soak: $(BIN)/.installed-dev  ## kill the default study 25 times, go on each time, compare with an undisturbed run (an hour)
	python -m tests.robustness.soak

verify: $(BIN)/.installed  ## read every file in results/ and say which one is damaged
	python -m koopflow.cli.verify results

clean:  ## remove what runs made (not the environment)
	rm -rf results/[!R]* .snakemake .checkpoints logs

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(BIN)/.installed: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.txt
	touch $@

$(BIN)/.installed-dev: requirements-dev.txt $(BIN)/.installed
	$(BIN)/pip install --quiet --requirement requirements-dev.txt
	touch $@
