# Targets. Each stage has one file in koopflow/studies/ and one in rules/; README.md gives an overview.
import logging
from pathlib import Path

from snakemake.utils import min_version

min_version("9.20")

# Snakemake's log may be on a full disk; a line that cannot be written should not raise a traceback.
logging.raiseExceptions = False


# The folder of this file, even when another workflow includes it as a module. The study's configuration is config.yaml in this folder,
# with a config.yaml in the working directory, if any, merged over it.
ROOT = Path(str(workflow.current_basedir)).resolve()
CONFIGURED = (
    None
    if workflow.modifier.skip_configfile
    else next(path for path in (Path("config.yaml").resolve(), ROOT / "config.yaml") if path.is_file())
)


configfile: "config.yaml" if CONFIGURED == Path("config.yaml").resolve() else str(ROOT / "config.yaml")


report: "report/workflow.rst"


# The image of every job with --sdm apptainer, built from envs/koopflow.def.
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
    end_timers()
    record_run()
    if not TERMINAL.silent:
        print(outcome())


onerror:
    end_timers()
    record_run(failed=True)
    # One log file or a list of them; Snakemake 9.27 passes a list.
    if not TERMINAL.silent:
        told = why_it_failed(SETTINGS.results, [log] if isinstance(log, str) else log)
        print(*TERMINAL.last_lines(), *told, sep="\n", file=sys.stderr)


# A result is out of date if any setting, file or code behind it has changed. Called after all rules, so that it covers every one.
attach(workflow.rules, DIGESTS.of, digests_of_named(DIGESTS, [ROOT, Path()]))
