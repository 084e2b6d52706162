"""The messages at the end of a run."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from koopflow.core.errors import KoopflowError
from koopflow.workflow.run_lock import writable
from koopflow.workflow.slurm_failures import reasons


def report_command(options: Sequence[str]) -> str:
    """Return the command that writes the report of a run with these `options` of Snakemake.

    >>> report_command(["--configfile", "my study.yaml"])
    "snakemake --cores all report --configfile 'my study.yaml'"
    """
    return shlex.join(["snakemake", "--cores", "all", "report", *options]) if options else "make report"


def study_command(options: Sequence[str]) -> str:
    """Return the command that runs a whole study with these `options` of Snakemake.

    >>> study_command([])
    'snakemake --cores all'
    """
    return shlex.join(["snakemake", "--cores", "all", *options])


def partial_report_command(results: str, options: Sequence[str]) -> str:
    """Return the command that writes a report of the figures that are there, and computes nothing.

    >>> partial_report_command("results", ["--configfile", "mine.yaml"])
    'python -m koopflow.cli.report --of results -- --configfile mine.yaml'
    """
    rest = ["--", *options] if options else []
    return shlex.join(["python", "-m", "koopflow.cli.report", "--of", results, *rest])


def where_to_look(results: str, made: Sequence[str], pictures: Sequence[str], options: Sequence[str] = ()) -> str:
    """Return what a finished run made, and the files to open first.

    Parameters
    ----------
    results : str
        The folder of results.
    made : sequence of str
        The files that the run made, and those it found there already.
    pictures : sequence of str
        All pictures of the study, in the order of the report.
    options : sequence of str
        Options of Snakemake that the run had: configuration files and single values.
    """
    files = set(made)
    shown = [picture for picture in pictures if picture in files]
    page = Path(results, "claims.rst")
    lines = page.read_text(encoding="utf-8").splitlines()[:1] if str(page) in files and page.is_file() else []
    tables = sum(file.endswith(".csv") for file in files)
    if tables or shown:
        lines.append(f"{count(tables, 'table')} and {count(len(shown), 'figure')} in {results}.")
    report, site = f"{results}/report.html", f"{results}/site/index.html"
    if report in files:
        first = f"Open {site} first; {report} adds the steps of the run" if site in files else f"Open {report}"
        lines.append(f"{first}: every figure with its caption.")
    elif site in files:
        lines.append(f"Open {site} first: every figure with its caption. To add the steps of the run as {report}:")
        lines.append(f"  {report_command(options)}")
    else:
        if shown:
            lines.append(f"Open {shown[0]} first. These figures with their captions, in {report}:")
            lines.append(f"  {partial_report_command(results, options)}")
        lines.append(f"The whole study, on one page ({site}):")
        lines.append(f"  {study_command(options)}")
    return "\n".join(lines)


def count(number: int, word: str) -> str:
    """Return a number of things in words.

    >>> count(1, "job"), count(3, "job")
    ('1 job', '3 jobs')
    """
    return f"{number} {word}{'' if number == 1 else 's'}"


def why_it_failed(results: str | Path, logs: list[str]) -> list[str]:
    """Return the reasons for a failed run that the disk and the cluster reveal, one line each.

    Parameters
    ----------
    results : path
        The folder of results.
    logs : list of str
        Snakemake's logs of the run.
    """
    try:
        for folder in (".snakemake", results):
            writable(folder)
        full = []
    except KoopflowError as error:
        full = [f"koopflow: {error}"]
    return full + [line for log in logs for line in reasons(Path(log).read_text(encoding="utf-8", errors="replace"))]
