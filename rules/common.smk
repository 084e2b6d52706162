# Shared by all rules: the checked configuration, the stages and their plans, the source files that a rule depends on.
import os
import re
import sys
import time
from pathlib import Path

# Use the library of this checkout, here and in every job, even if another copy is installed.
# The folder of this Snakefile, even when another workflow includes it as a module.
ROOT = Path(str(workflow.current_basedir)).parent
sys.path.insert(0, str(ROOT))

from snakemake.logging import logger

from koopflow.cli import terminal
from koopflow.cli.lineage import attach
from koopflow.config import files, references
from koopflow.config.base import plain
from koopflow.config.resolution import resolve
from koopflow.core.code_inputs import source_files
from koopflow.core.errors import KoopflowError
from koopflow.forecast.registry import BASELINES
from koopflow.io.digests import Digests
from koopflow.studies import discovery
from koopflow.studies.known_names import KNOWN_NAMES
from koopflow.studies.named_files import digests_of_named
from koopflow.studies.report import Contents
from koopflow.studies.shared import selection, some
from koopflow.workflow import estimates
from koopflow.workflow.checkout import prefer, refuse_results, refuse_shadows
from koopflow.workflow.run_configuration import freeze, frozen, without_record
from koopflow.workflow.run_end import report_command, where_to_look, why_it_failed
from koopflow.workflow.run_lock import enough_space, hold, needs_slurm, refuse_leftovers, writable
from koopflow.workflow.timers import end_timers

prefer(ROOT)


def checked(function, *arguments):
    """Return the result of `function`; exit with a one-line error, before any job is planned, if the configuration is invalid."""
    try:
        return function(*arguments)
    except KoopflowError as error:
        sys.exit(f"koopflow: {error}")


def library(*names):
    """Return the scripts and modules that `names` depend on: inputs, so that editing one reruns the jobs that use it.

    Relative paths: a study that moves to another folder or machine keeps its results. `local`, as for users' files: they come with the
    checkout and not from the storage of results, if there is one (docs/clouds.md).
    """
    return [local(os.path.relpath(ROOT / file)) for file in source_files(ROOT, *names)]


def caption_files():
    """Return the files of the report's captions and style, which come with the checkout as code does."""
    return [local(os.path.relpath(path)) for path in sorted((ROOT / "report").iterdir())]


def module_of(target):
    """Return the module of "package.module:function"."""
    return target.partition(":")[0]


def logs_of(results, *folders):
    """Return the folder of logs (or of benchmarks, inside it) for a results folder."""
    return str(Path("logs", results.strip("/"), *folders))


def one_of(names):
    """Return the wildcard constraint that matches exactly one of `names`: nothing, if there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def data_of(name):
    """Return the settings that the images of data set `name` depend on, as plain values."""
    return selection(SETTINGS, name).dump()


def settings_of_check(stage):
    """Return the arguments of the check of `stage`.

    The device is looked for where the check runs. On a cluster that is the node on which Snakemake runs, which need not have a GPU: there,
    each training job looks for it as its first step.
    """
    check = STAGES[stage].check
    here = {"device": SETTINGS.device if workflow.local_exec else "auto"} if check.trains else {}
    return {**check.settings(PLANS[stage]), **here}


def in_report(path, caption, of=""):
    """Return `path` marked for a section of the report, with a caption; `of` distinguishes files with the same caption."""
    section, label = CONTENTS.place(caption, of)
    CONTENTS.show(path.removeprefix("<results>/"), caption, of)
    written = Path(".snakemake/koopflow/captions") if "--report" in sys.argv else None
    return report(path, caption=CONTENTS.file(caption, written), category=section, labels={"shows": label})


def figure(stem, of=""):
    """Return the two files of a stage's figure: PDF for papers, PNG for web pages and the report."""
    each = FIGURES[stem, of]
    path = f"<results>/figures/{each.name}"
    return [f"{path}.pdf", in_report(f"{path}.png", each.captioned, of)]


def paper_figure(picture, caption, of=""):
    """Return the two files of a paper's figure: PDF, and PNG for the page and the report."""
    path = f"<results>/{picture.removesuffix('.png')}"
    return [f"{path}.pdf", in_report(f"{path}.png", caption, of)]


def variant_picture(stem, variant):
    """Return the picture of a variant of a paper's figure, under the results."""
    return f"{stem}{variant and '-'}{variant}.png"


def state(path):
    """Return `path` of a trajectory, of networks or of a chain; it is deleted after its last use unless the study keeps all."""
    return temp(path) if SETTINGS.keep in ("tables", "figures") else path


def part(path):
    """Return `path` of masks, of tickets or of a single job's table; it is deleted after its last use if figures alone are kept."""
    return temp(path) if SETTINGS.keep == "figures" else path


def tables_of_rules():
    """Return the tables under the results folder made by the rules so far, except those of a single study or task."""
    paths = {
        str(path).removeprefix(f"{SETTINGS.results}/").removeprefix("<results>/")
        for each in workflow.rules
        for path in each.output
    }
    return [path for path in paths if path.endswith(".csv") and "{" not in path]


def checks_of(names):
    """Return the checks of those of these stages that this study has: inputs of a target over several stages."""
    targets = [getattr(rules, name) for name in STAGES if name in names]
    return [path for target in targets for path in target.input if "/checks/" in path]


def everything():
    """Return the target files of all stages, and the report's tables."""
    return [*(getattr(rules, stage).input for stage in STAGES), rules.tables.input, rules.write_site.output]


def outcome():
    """Return what this run's study consists of by now, and what to open first."""
    made = [str(path) for job in workflow.dag.jobs for path in job.output]
    pictures = [
        f"{SETTINGS.results}/figures/{each.name}.png" for each in sorted(FIGURES.values(), key=CONTENTS.reading_order)
    ]
    return where_to_look(SETTINGS.results, made, pictures, options_of_run())


def options_of_run():
    """Return command-line options that pass this run's configuration to the report; paths are relative, so that a study can be moved."""
    files = [os.path.relpath(path) for path in workflow.config_settings.configfiles]
    given = [str(word) for word in workflow.config_settings.config_args or []]
    return [*(["--configfile", *files] if files else []), *(["--config", *given] if given else [])]


# What the run prints; a job of a cluster prints what Snakemake does.
TERMINAL = vars(workflow).setdefault("koopflow_terminal", None)
if TERMINAL is None and workflow.is_main_process and "--report" not in sys.argv:
    TERMINAL = workflow.koopflow_terminal = terminal.take_over(workflow.output_settings)

STAGES = checked(discovery.discover)
# Jobs, and the report, use the configuration with which their run began.
BEGINS = workflow.is_main_process and "--report" not in sys.argv
# The name that another workflow gives this one as a module; empty without one.
MODULE = __name__ if workflow.modifier.parent_modifier else ""
FROZEN = None if BEGINS else checked(frozen, MODULE)
if FROZEN is None:
    for file in workflow.config_settings.configfiles:
        checked(files.read, file)
    # Merge the given configuration over the default study: from another workflow, or from a file in the working directory and options.
    GIVEN = workflow.config_settings.overwrite_config if CONFIGURED == ROOT / "config.yaml" else config
    config = files.updated(checked(files.read, ROOT / "config.yaml"), dict(GIVEN))
    SETTINGS = checked(resolve, config, GIVEN, discovery.settings_model(STAGES), KNOWN_NAMES)
    checked(references.check, SETTINGS, KNOWN_NAMES["image source"])
else:
    SETTINGS = discovery.settings_model(STAGES).load(FROZEN)
checked(refuse_shadows, ROOT)
checked(refuse_results, SETTINGS.results, ROOT)
config = SETTINGS.dump()
PLANS = {name: checked(stage.plan, SETTINGS) for name, stage in STAGES.items()}
FIGURES = {(each.stem, each.of): each for each in discovery.figures_of(STAGES, PLANS)}
CONTENTS = Contents(STAGES, PLANS, ROOT / "report")

# A GPU for jobs that train ensembles and tickets, if the configuration requests one.
GPU = {"gpu": SETTINGS.gpu} if SETTINGS.gpu else {}
# Resources of jobs that grow little with the study. They are not default-resources in profiles/default, which would replace the
# default-resources of the user's own profile, such as the account on a cluster.
SMALL = estimates.asked(estimates.small())

# Snakemake's own lock outlives a killed run, so profiles/default disables it, and the scheduling run takes this lock instead.
# Writing a report takes no lock: it only reads, and the rule `report` starts it while its own run holds the lock.
# Another workflow reads this file once for each of its `use rule` statements, so the lock belongs to the whole workflow.
LOCKS = vars(workflow).setdefault("koopflow_locks", {})
if BEGINS and not workflow.dryrun and SETTINGS.results not in LOCKS:
    for folder in (".snakemake", SETTINGS.results):
        checked(writable, folder)
    LOCKS[SETTINGS.results] = checked(hold, ".snakemake", SETTINGS.results)
    checked(refuse_leftovers, ".")
    FROZEN_IN = freeze(config, ".snakemake/koopflow", MODULE)
    if MODULE:  # whose `onstart` no one calls
        logger.info(f"Configuration of this run, module {MODULE}: {FROZEN_IN}")

# Digests of code and users' files, cached between runs while files are unchanged.
DIGESTS = Digests(".snakemake/koopflow/digests.json", trusted=FROZEN is not None)

STARTED = time.time()

if BEGINS and (warning := without_record(SETTINGS.results)):
    logger.warning(f"koopflow: {warning}")


def begin():
    """Record the files that the run's jobs depend on, and refuse a run that does not fit on the disk or has no SLURM, before the first job
    starts."""
    if workflow.executor_plugin.name == "slurm":
        checked(needs_slurm)
    DIGESTS.save()
    jobs = list(workflow.dag.needrun_jobs())
    written = sum(job.resources.get("written_mb", 0) for job in jobs)
    if warning := checked(enough_space, SETTINGS.results, written):
        logger.warning(f"koopflow: {warning}")
    logger.info(f"Configuration of this run: {FROZEN_IN}")
    seconds = {job.jobid: job.resources.get("expected_s", 0) for job in jobs}
    guessed = [job.jobid for job in jobs if job.resources.get("guessed")]
    logger.info(TERMINAL.begin(seconds, workflow.cores if workflow.local_exec else None, guessed))


def record_run(failed=False):
    """Write the record of the run into the results folder; if it cannot be written, warn and keep the run's own result."""
    from koopflow.cli.record import write

    try:
        write(SETTINGS.results, config, workflow.main_snakefile, STARTED, failed=failed)
    except OSError as error:
        logger.warning(f"koopflow: the record of this run was not written ({error.strerror})")
