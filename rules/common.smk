# What the stages share: the checked configuration, the source files a rule depends on, and where logs go.
import os
import re
import sys
from pathlib import Path

ROOT = Path(workflow.basedir)
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from koopflow.config import load_schema, resolve
from koopflow.equivalence.study import parts, setups
from koopflow.errors import KoopflowError
from koopflow.folder import hold
from koopflow.sources import source_files


def checked(function, *arguments):
    """Call `function`; when the configuration is wrong, end with one line and no traceback, before any job is planned."""
    try:
        return function(*arguments)
    except KoopflowError as error:
        sys.exit(f"koopflow: {error}")


def library(*names):
    """The script and the library modules that `names` depend on: inputs, so that editing one reruns what uses it.

    Relative paths: a study that moves to another folder or machine keeps its results.
    """
    return [os.path.relpath(ROOT / file) for file in source_files(ROOT, *names)]


def logs_of(results, *folders):
    """The folder of logs (or of benchmarks, inside it) that belongs to a results folder."""
    return str(Path("logs", results.strip("/"), *folders))


SECTIONS = {
    "claims": "1 Claims",
    "optimizers": "2 When are two ways of training the same dynamics?",
    "equivalence": "2 When are two ways of training the same dynamics?",
    "pruning": "3 Pruning by Koopman modes",
    "tickets": "4 Winning tickets and the renormalization group",
    "forecast": "5 Forecasting with episodic memory",
    "forecasts": "5 Forecasting with episodic memory",
    "recurrence": "5 Forecasting with episodic memory",
    "trajectories": "6 Trajectories of one's own",
}


def in_report(path, name):
    """Put the file at `path` into the report's section of its paper, with the caption report/<name>.rst, braces of wildcards left out.

    One label only: of labels with two values the report makes switches, which fail where a combination does not exist.
    """
    first, *rest = name.replace("{", "").replace("}", "").split("_")
    shows = f"{first} of {{series}}" if "{series}" in path else " ".join(rest) or first
    caption = f"../report/{'_'.join([first, *rest])}.rst"
    return report(path, caption=caption, category=SECTIONS[first], labels={"shows": shows})


def figure(stem):
    """The two files of a figure: PDF for papers, PNG for pages and the report."""
    return [f"<results>/figures/{stem}.pdf", in_report(f"<results>/figures/{stem}.png", stem)]


# A check of a stage's inputs comes before everything else and alone: it has the highest priority and takes every core. No job depends on its
# output, because Snakemake 9.27 overlooks a job's own reasons to run again while a job behind one of its `ancient` inputs is waiting.
EVERY_CORE = workflow.cores or 1


def where_to_look(results):
    """What to say when a run has ended: what came out, and what to open first."""
    page, figures = Path(results, "claims.rst"), Path(results, "figures")
    said = [page.read_text(encoding="utf-8").splitlines()[0]] if page.is_file() else []
    first = figures / "claims.png" if page.is_file() else figures
    return "\n".join(
        [*said, f"Look first at {first}, then at {results}/report.html (`make report`): every figure with its caption."]
    )


config = checked(
    resolve,
    config,
    workflow.config_settings.overwrite_config,
    load_schema(ROOT / "config" / "config.schema.yaml"),
)

# Snakemake's own lock outlives a killed run, so profiles/default switches it off and the run that schedules takes this one instead.
# A report only reads, and the rule `report` has it written while its own run holds the folder.
if workflow.is_main_process and not workflow.dryrun and "--report" not in sys.argv:
    LOCK = checked(hold, ".snakemake")
