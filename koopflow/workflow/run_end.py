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


def where_to_look(results: str | Path, options: Sequence[str] = ()) -> str:
    """Return the count of verdicts of a finished run, and the files to open first.

    Parameters
    ----------
    results : path
        The folder of results.
    options : sequence of str
        Options of Snakemake that the run had: configuration files and single values.
    """
    page, figures = Path(results, "claims.rst"), Path(results, "figures")
    found = page.read_text(encoding="utf-8").splitlines()[:1] if page.is_file() else []
    first = figures / "claims.png" if page.is_file() else figures
    report = f"{results}/report.html (`{report_command(options)}`)"
    return "\n".join([*found, f"Look first at {first}, then at {report}: every figure with its caption."])


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
