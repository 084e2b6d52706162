"""Writes the report of a study, results/report.html, after running what it needs: every figure and
table with its caption."""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from koopflow.core.errors import KoopflowError

SHOWN = ("figures/*.png", "tables/*.html")
"""Files that the report shows, as patterns below the folder of results."""


def command(options: Sequence[str]) -> list[str]:
    """Return the Snakemake command that runs what the report needs and writes it, with Snakemake's
    `options`."""
    cores = [] if any(word.split("=")[0] in ("--cores", "-c") for word in options) else ["--cores", "all"]
    return [sys.executable, "-m", "snakemake", *cores, "report", *options]


def command_of_what_is_there(results: Path, options: Sequence[str]) -> list[str]:
    """Return the command that writes a report of the figures and tables in `results` without
    computing any.

    Raises
    ------
    KoopflowError
        If there is neither a figure nor a table.
    """
    files = sorted(str(path) for pattern in SHOWN for path in results.glob(pattern))
    if not files:
        raise KoopflowError(f"{results}: no figure or table to report; run the study first")
    asked = [
        sys.executable,
        "-m",
        "snakemake",
        *files,
        "--report",
        str(results / "report.html"),
        "--nolock",
        "--cores",
        "1",
    ]
    return [*asked, *options]


def main(words: list[str] | None = None) -> None:
    """Read the command line and have Snakemake write the report."""
    parser = argparse.ArgumentParser(prog="koopflow report", description=__doc__)
    parser.add_argument(
        "--of", metavar="RESULTS", type=Path, help="report only the files in this results folder; computes nothing"
    )
    parser.add_argument(
        "snakemake", nargs="*", help="after --: the options of the run, for example -- --configfile config/paper.yaml"
    )
    asked = parser.parse_args(words)
    try:
        asked_for = (
            command(asked.snakemake) if asked.of is None else command_of_what_is_there(asked.of, asked.snakemake)
        )
    except KoopflowError as error:
        sys.exit(f"koopflow: {error}")
    sys.exit(subprocess.run(asked_for).returncode)


if __name__ == "__main__":
    main()
