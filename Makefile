# `make` builds the default study; `make help` lists the rest.
VENV ?= .venv
PYTHON ?= python3
CORES ?= all
# The Pythons that `make pythons` tests beside PYTHON; found on PATH or through pyenv.
PYTHONS ?= 3.12 3.13
# CPU=1 installs the CPU builds of torch and torchvision and none of CUDA's libraries, most of 7 GB; pip must know an index with these builds.
FOR_CPU := sed -E '/^(nvidia|cuda|triton)-?/d; s/^(torch|torchvision)==([0-9.]+)/\1==\2+cpu/'
# Test workers: one more than the two cores, because the SLURM tests mostly wait.
WORKERS ?= 3
BIN := $(VENV)/bin
export PATH := $(abspath $(BIN)):$(PATH)
export MPLBACKEND := agg

.DEFAULT_GOAL := all
.PHONY: all test quick gpu pythons lint format docs bench calibrate report provenance plan export pins schema soak verify clean help

all: $(BIN)/.installed  ## the default study: tables, figures, claims, report (in results/)
	snakemake --cores $(CORES) all report

# All but tests/gpu run on the CPU: a worker would hold a GPU that it took until the end, and the others would wait.
test: $(BIN)/.installed-dev  ## all tests; those of tests/gpu where there is a CUDA device
	CUDA_VISIBLE_DEVICES= python -m pytest tests -n $(WORKERS) --dist loadfile --no-loadscope-reorder
	$(if $(wildcard /dev/nvidiactl /dev/dxg),python -m pytest tests/gpu)

quick: $(BIN)/.installed-dev  ## the fast tests, in under a minute; run after every edit
	python -m pytest tests -n 2 --dist loadfile -m "not slow"

pythons: $(PYTHONS:%=.venv-%/.installed-dev)  ## the fast tests and all numerics on Python 3.12 and 3.13, with the newest numpy
	for python in $(PYTHONS); do \
		PATH=$(CURDIR)/.venv-$$python/bin:$$PATH .venv-$$python/bin/python -m pytest tests -n 2 --dist loadfile -m "numerics or not slow" || exit 1; \
	done

gpu: $(BIN)/.installed-dev  ## the tests and the benchmark that need a CUDA device
	python -m pytest tests/gpu -rA
	python benchmarks/gpu.py

lint: $(BIN)/.installed-dev  ## ruff, mypy, snakefmt, snakemake --lint, and the schemas of the GitHub files
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check Snakefile rules
	snakemake --lint
	check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml

docs: $(BIN)/.installed-dev  ## the documentation in site/; warnings and broken internal links are errors
	sphinx-build --quiet --fail-on-warning --keep-going --builder html docs site

format: $(BIN)/.installed-dev  ## format all code
	ruff check --fix .
	ruff format .
	snakefmt Snakefile rules

bench: $(BIN)/.installed-dev  ## the benchmarks against other libraries (minutes)
	for benchmark in $(filter-out benchmarks/gpu.py,$(wildcard benchmarks/*.py)); do python $$benchmark || exit 1; done

calibrate: $(BIN)/.installed-dev  ## error rates of intervals and verdicts, by simulation (15 minutes)
	for study in benchmarks/calibration/*.py; do python $$study || exit 1; done

report: $(BIN)/.installed  ## results/report.html, and every result it needs
	snakemake --cores $(CORES) report

provenance: $(BIN)/.installed  ## make provenance FILE=results/claims.csv: how a file was made, and whether it is out of date; without FILE: the record of the run
	python -m koopflow.cli.provenance $(FILE)

plan: $(BIN)/.installed  ## make plan CONFIG=config/paper.yaml: remaining jobs of a study, the resources they request, expected node hours
	python -m koopflow.cli.plan -- all $(if $(CONFIG),--configfile $(CONFIG))

export: $(BIN)/.installed  ## study.tar.gz with tables, figures, report, config, provenance and the record of the run (EVERYTHING=1: also trajectories)
	python -m koopflow.cli.export study.tar.gz $(if $(CONFIG),--configfile $(CONFIG)) $(if $(EVERYTHING),--largest inf)

pins: $(BIN)/.installed  ## envs/pinned/ from envs/ and requirements.txt
	python envs/pin.py

schema: $(BIN)/.installed  ## config/config.schema.yaml and docs/reference/configuration.md, from the configuration models
	python -m koopflow.cli.schema

soak: $(BIN)/.installed-dev  ## kill and resume the default study 25 times, run the smoke study in a container's file tree and with a conda solver (two hours)
	python -m tests.robustness.soak
	python -m tests.envs.soak
	python -m tests.envs.soak_conda
	python -m tests.workflow.soak_storage

verify: $(BIN)/.installed  ## verify every file in results/ and list damaged ones
	python -m koopflow.cli.verify results

clean:  ## remove everything that runs produced (not the environment)
	rm -rf results/[!R]* .snakemake .checkpoints logs site docs/auto_tutorials docs/run docs/reference/generated docs/sg_execution_times.rst

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(BIN)/.installed: requirements.txt
	@[ -e $@ ] || $(PYTHON) envs/disk.py $(VENV) $(if $(CPU),cpu)
	$(PYTHON) -m venv $(VENV)
	$(if $(CPU),$(FOR_CPU),cat) requirements.txt > $(VENV)/requirements.txt
	$(BIN)/pip install --quiet --requirement $(VENV)/requirements.txt
	touch $@

$(BIN)/.installed-dev: requirements-dev.txt $(BIN)/.installed
	$(if $(CPU),$(FOR_CPU),cat) requirements-dev.txt > $(VENV)/requirements-dev.txt
	$(BIN)/pip install --quiet --requirement $(VENV)/requirements-dev.txt
	touch $@

# uv links files from its cache: a second copy of torch costs neither minutes nor gigabytes.
.venv-%/.installed-dev: requirements-dev.txt
	PYENV_VERSION=$$(pyenv latest $* 2>/dev/null) python$* -m venv --clear .venv-$*
	.venv-$*/bin/pip install --quiet uv
	.venv-$*/bin/uv pip install --quiet --python .venv-$*/bin/python --requirement requirements-dev.txt
	.venv-$*/bin/uv pip install --quiet --python .venv-$*/bin/python --upgrade numpy
	touch $@
