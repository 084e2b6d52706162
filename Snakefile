# What can be asked for. The stages stand in rules/, in the order in which data flows; README.md tells the story.
import logging

from snakemake.utils import min_version

min_version("9.20")

# Snakemake's own log goes onto the disk that may be full: a line that it cannot write there is no reason for a traceback.
logging.raiseExceptions = False


configfile: "config.yaml"


report: "report/workflow.rst"


# The image of every job with --sdm apptainer; envs/koopflow.def makes it.
container: "koopflow.sif"


include: "rules/common.smk"


pathvars:
    results=config["results"],
    logs=logs_of(config["results"]),
    benchmarks=logs_of(config["results"], "benchmarks"),


include: "rules/inputs.smk"
include: "rules/resources.smk"
include: "rules/spectra.smk"
include: "rules/equivalence.smk"
include: "rules/pruning.smk"
include: "rules/forecast.smk"
include: "rules/tickets.smk"
include: "rules/claims.smk"
include: "rules/figures.smk"


rule all:
    default_target: True
    input:
        rules.spectra.input,
        rules.equivalence.input,
        rules.pruning.input,
        rules.forecast.input,
        rules.tickets.input,
        rules.claims.input,
        rules.tables.input,


onstart:
    DIGESTS.save()


onsuccess:
    print(where_to_look(config["results"]))


onerror:
    print(full(".snakemake", config["results"]), end="")
    # One log file, or a list of them: Snakemake 9.27 hands over a list.
    for path in [log] if isinstance(log, str) else log:
        for line in reasons(Path(path).read_text(encoding="utf-8", errors="replace")):
            print(line)


# A result is out of date when any setting, file or code behind it has changed. After all rules, so that none is left out.
attach(workflow.rules, DIGESTS.of)
