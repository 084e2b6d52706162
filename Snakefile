# What can be asked for. The stages stand in koopflow/studies/ and rules/, one file each; README.md tells the story.
import logging
from pathlib import Path

from snakemake.utils import min_version

min_version("9.20")

# Snakemake's own log goes onto the disk that may be full: a line that it cannot write there is no reason for a traceback.
logging.raiseExceptions = False


# The folder of this file, also where another workflow has it as a module, and the study's configuration: a config.yaml in the working
# directory, merged over the one in this folder, or that one alone.
ROOT = Path(str(workflow.current_basedir)).resolve()
CONFIGURED = (
    None
    if workflow.modifier.skip_configfile
    else next(path for path in (Path("config.yaml").resolve(), ROOT / "config.yaml") if path.is_file())
)


configfile: "config.yaml" if CONFIGURED == Path("config.yaml").resolve() else str(ROOT / "config.yaml")


report: "report/workflow.rst"


# The image of every job with --sdm apptainer; envs/koopflow.def makes it.
container: "koopflow.sif"


include: "rules/common.smk"


pathvars:
    results=SETTINGS.results,
    logs=logs_of(SETTINGS.results),
    benchmarks=logs_of(SETTINGS.results, "benchmarks"),


include: "rules/checks.smk"
include: "rules/plots.smk"


for stage in STAGES:

    include: f"rules/{stage}.smk"


include: "rules/report.smk"


rule all:
    default_target: True
    input:
        everything(),


onstart:
    begin()


onsuccess:
    print(where_to_look(SETTINGS.results, options_of_run()))


onerror:
    # One log file, or a list of them: Snakemake 9.27 hands over a list.
    print(*why_it_failed(SETTINGS.results, [log] if isinstance(log, str) else log), sep="\n")


# A result is out of date when any setting, file or code behind it has changed. After all rules, so that none is left out.
attach(workflow.rules, DIGESTS.of, digests_of_named(DIGESTS, [ROOT, Path()]))
