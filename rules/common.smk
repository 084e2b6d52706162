# What the stages share: the checked configuration, the source files a rule depends on, and where logs go.
import os
import sys
from pathlib import Path

ROOT = Path(workflow.basedir)
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from koopflow.cli.lineage import attach
from koopflow.config import references
from koopflow.config.pruning_studies import pruning_studies
from koopflow.config.resolution import resolve
from koopflow.config.setups import parts, setups
from koopflow.config.ticket_studies import shared_tasks, ticket_studies
from koopflow.core.errors import KoopflowError
from koopflow.io.digests import Digests
from koopflow.workflow.slurm_failures import reasons
from koopflow.workflow.run_lock import hold, refuse_leftovers, writable
from koopflow.core.code_inputs import source_files


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


# The report's sections and what stands in each, in the order in which it is read. Names are those of the captions in report/.
SECTIONS = {
    "1 Claims": ("claims", "claims_table"),
    "2 When are two ways of training the same dynamics?": (
        "optimizers_runs",
        "optimizers_spectra",
        "equivalence_losses",
        "equivalence_spectra",
        "equivalence_distances",
        "equivalence_tests",
        "equivalence_distance_matrix",
    ),
    "3 Pruning by Koopman modes": (
        "pruning_accuracy",
        "pruning_accuracy_finetuned",
        "pruning_best",
        "pruning_overlap",
        "pruning_differences",
        "pruning_onset",
        "pruning_predictors",
        "pruning_eigenvalues",
        "pruning_layers",
    ),
    "4 Winning tickets and the renormalization group": (
        "tickets_accuracy",
        "tickets_flow",
        "tickets_exponents",
        "tickets_sigma",
        "tickets_composition",
        "tickets_transfer_matrix",
        "tickets_transfer_prediction",
        "tickets_observables",
        "tickets_elastic",
    ),
    "5 Forecasting with episodic memory": (
        "forecasts_skill",
        "forecasts_table",
        "forecasts_skill_naive",
        "forecasts_errors",
        "forecast_series",
        "recurrence_series",
    ),
    "6 Trajectories of one's own": ("trajectories_spectra",),
}


def in_report(path, name, of=""):
    """Put the file at `path` into the report's section, with the caption report/<name>.rst.

    Its label is its place in the section and the caption's title, and what it is `of` where there are several. One label only: of labels with two values the report makes switches,
    which fail where a combination does not exist.
    """
    section, place = next((section, names.index(name) + 1) for section, names in SECTIONS.items() if name in names)
    title = Path(workflow.basedir, "report", f"{name}.rst").read_text(encoding="utf-8").split("**")[1].rstrip(".")
    shows = f"{place}. {title}" + (f": {of}" if of else "")
    return report(path, caption=f"../report/{name}.rst", category=section, labels={"shows": shows})


def figure(stem, of="", caption=None):
    """The two files of a figure, PDF for papers, PNG for pages and the report; `of` what, where there are several with one caption."""
    path = f"<results>/figures/{stem}_{of}" if of else f"<results>/figures/{stem}"
    return [f"{path}.pdf", in_report(f"{path}.png", caption or stem, of)]


# A check of a stage's inputs comes before everything else and alone: it has the highest priority and takes every core. No job depends on its
# output, because Snakemake 9.27 overlooks a job's own reasons to run again while a job behind one of its `ancient` inputs is waiting.
# After the checks the longest chain starts first, so that no core is idle at the end: tickets (60, then 50), pruning (40), forecasts (30),
# training and fits of the equivalence study (20, then 10), and figures (0), which fill the gaps.
EVERY_CORE = workflow.resource_settings.cores or 1


def where_to_look(results):
    """What to say when a run has ended: what came out, and what to open first."""
    page, figures = Path(results, "claims.rst"), Path(results, "figures")
    said = [page.read_text(encoding="utf-8").splitlines()[0]] if page.is_file() else []
    first = figures / "claims.png" if page.is_file() else figures
    return "\n".join(
        [*said, f"Look first at {first}, then at {results}/report.html (`make report`): every figure with its caption."]
    )


def full(*folders):
    """What to say when a run has failed and there is no room left: Snakemake's own words are about its records."""
    try:
        for folder in folders:
            writable(folder)
    except KoopflowError as error:
        return f"koopflow: {error}\n"
    return ""


STUDY = checked(resolve, config, workflow.config_settings.overwrite_config)
checked(references.check, STUDY)
config = STUDY.dump()

# Snakemake's own lock outlives a killed run, so profiles/default switches it off and the run that schedules takes this one instead.
# A report only reads, and the rule `report` has it written while its own run holds the folder.
if workflow.is_main_process and not workflow.dryrun and "--report" not in sys.argv:
    for folder in (".snakemake", config["results"]):
        checked(writable, folder)
    LOCK = checked(hold, ".snakemake", config["results"])
    checked(refuse_leftovers, ".")

# Digests of code and of users' files, kept between runs for files that did not change.
DIGESTS = Digests(".snakemake/koopflow/digests.json")
