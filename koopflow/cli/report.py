"""The report of a study, results/report.html: every figure and table with its caption, after what it needs."""

import argparse
import subprocess
import sys


def main(words: list[str] | None = None) -> None:
    """Read the command line and have Snakemake write the report."""
    parser = argparse.ArgumentParser(prog="koopflow report", description=__doc__)
    parser.add_argument(
        "snakemake", nargs="*", help="after --: the options of the run, for example -- --configfile config/paper.yaml"
    )
    options = parser.parse_args(words).snakemake
    cores = [] if any(word.split("=")[0] in ("--cores", "-c") for word in options) else ["--cores", "all"]
    sys.exit(subprocess.run([sys.executable, "-m", "snakemake", *cores, *options, "report"]).returncode)


if __name__ == "__main__":
    main()
