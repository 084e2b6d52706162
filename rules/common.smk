# What the rules share: the checked configuration, the stages and their plans, the source files that a rule depends on.
import os
import re
import sys
from pathlib import Path

# The library of this checkout, here and in every job, even where another copy is installed.
# The folder of this Snakefile, also where another workflow has it as a module.
ROOT = Path(str(workflow.current_basedir)).parent
sys.path.insert(0, str(ROOT))

from snakemake.logging import logger

from koopflow.cli.lineage import attach
from koopflow.config import files, references
from koopflow.config.base import plain
from koopflow.config.resolution import resolve
from koopflow.core.code_inputs import source_files
from koopflow.core.errors import KoopflowError
from koopflow.io.digests import Digests
from koopflow.studies import discovery
from koopflow.studies.known_names import KNOWN_NAMES
from koopflow.studies.named_files import digests_of_named
from koopflow.studies.report import Contents
from koopflow.studies.shared import selection, some
from koopflow.workflow import estimates
from koopflow.workflow.checkout import prefer
from koopflow.workflow.run_configuration import freeze, frozen, without_record
from koopflow.workflow.run_end import where_to_look, why_it_failed
from koopflow.workflow.run_lock import hold, refuse_leftovers, writable

prefer(ROOT)


def checked(function, *arguments):
    """Call `function`; end with one line and no traceback, before any job is planned, where the configuration is wrong."""
    try:
        return function(*arguments)
    except KoopflowError as error:
        sys.exit(f"koopflow: {error}")


def library(*names):
    """The script and the library modules that `names` depend on: inputs, so that editing one reruns what uses it.

    Relative paths: a study that moves to another folder or machine keeps its results.
    """
    return [os.path.relpath(ROOT / file) for file in source_files(ROOT, *names)]


def module_of(target):
    """The module of "package.module:function"."""
    return target.partition(":")[0]


def logs_of(results, *folders):
    """The folder of logs (or of benchmarks, inside it) that belongs to a results folder."""
    return str(Path("logs", results.strip("/"), *folders))


def one_of(names):
    """The constraint of a wildcard that stands for one of `names`."""
    return "|".join(map(re.escape, names)) or "none"


def data_of(name):
    """What the images of the data set `name` depend on, as plain values."""
    return selection(SETTINGS, name).dump()


def in_report(path, caption, of=""):
    """Put the file at `path` into the report's section, with its caption; `of` what, where several have the same."""
    section, label = CONTENTS.place(caption, of)
    written = Path(".snakemake/koopflow/captions") if "--report" in sys.argv else None
    return report(path, caption=CONTENTS.file(caption, written), category=section, labels={"shows": label})


def figure(stem, of=""):
    """The two files of a figure of a stage: PDF for papers, PNG for pages and the report."""
    each = FIGURES[stem, of]
    path = f"<results>/figures/{each.name}"
    return [f"{path}.pdf", in_report(f"{path}.png", each.captioned, of)]


def tables_of_rules():
    """The tables that the rules so far make, under the results; not those of a study or a task."""
    paths = {
        str(path).removeprefix(f"{SETTINGS.results}/").removeprefix("<results>/") for each in workflow.rules for path in each.output
    }
    return [path for path in paths if path.endswith(".csv") and "{" not in path]


def everything():
    """What the targets of all stages name, and the report's tables."""
    return [*(getattr(rules, stage).input for stage in STAGES), rules.tables.input]


def options_of_run():
    """The configuration of this run as options for the run that writes its report; relative paths, so that a moved study keeps it."""
    files = [os.path.relpath(path) for path in workflow.config_settings.configfiles]
    given = [str(word) for word in workflow.config_settings.config_args or []]
    return [*(["--configfile", *files] if files else []), *(["--config", *given] if given else [])]


STAGES = checked(discovery.discover)
# A job, and the report that a run writes, take the configuration with which their run began.
BEGINS = workflow.is_main_process and "--report" not in sys.argv
FROZEN = None if BEGINS else checked(frozen)
if FROZEN is None:
    for file in workflow.config_settings.configfiles:
        checked(files.read, file)
    # What was given, over the default study: by another workflow, or by a file in the working directory and by options.
    GIVEN = workflow.config_settings.overwrite_config if CONFIGURED == ROOT / "config.yaml" else config
    config = files.updated(checked(files.read, ROOT / "config.yaml"), dict(GIVEN))
    SETTINGS = checked(resolve, config, GIVEN, discovery.settings_model(STAGES), KNOWN_NAMES)
    checked(references.check, SETTINGS, KNOWN_NAMES["image source"])
else:
    SETTINGS = discovery.settings_model(STAGES).load(FROZEN)
config = SETTINGS.dump()
PLANS = {name: checked(stage.plan, SETTINGS) for name, stage in STAGES.items()}
FIGURES = {(each.stem, each.of): each for each in discovery.figures_of(STAGES, PLANS)}
CONTENTS = Contents(STAGES, PLANS, ROOT / "report")

# A GPU for the jobs that train ensembles and tickets, where the configuration asks for one.
GPU = {"gpu": SETTINGS.gpu} if SETTINGS.gpu else {}
# The resources of jobs that grow little with the study. Not default-resources of profiles/default: those replace the default-resources
# of the user's own profile, such as the account on a cluster.
SMALL = estimates.asked(estimates.small())

# Snakemake's own lock outlives a killed run, so profiles/default switches it off, and the run that schedules jobs takes this one.
# Writing a report takes no lock: it only reads, and the rule `report` starts it while its own run holds the lock.
if BEGINS and not workflow.dryrun:
    for folder in (".snakemake", SETTINGS.results):
        checked(writable, folder)
    LOCK = checked(hold, ".snakemake", SETTINGS.results)
    checked(refuse_leftovers, ".")

# Digests of code and of users' files, kept between runs for files that did not change.
DIGESTS = Digests(".snakemake/koopflow/digests.json", trusted=FROZEN is not None)

if BEGINS and (warning := without_record(SETTINGS.results)):
    logger.warning(f"koopflow: {warning}")


def begin():
    """Freeze what the run's jobs depend on, before the first of them."""
    DIGESTS.save()
    logger.info(f"Configuration of this run: {freeze(config, '.snakemake/koopflow')}")
