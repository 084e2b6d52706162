"""What a run took for a part of the papers, from Snakemake's benchmark files."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Took:
    """What the jobs of a part took.

    Attributes
    ----------
    seconds : float
        Processor time of all measured jobs.
    jobs, measured : int
        Jobs of the part, and those that were measured.
    """

    seconds: float
    jobs: int
    measured: int


def took(folder: Path, jobs: Sequence[str]) -> Took:
    """Return the processor time of jobs.

    Parameters
    ----------
    folder : Path
        Folder of the benchmark files.
    jobs : sequence of str
        Names of benchmark files in it, without ".tsv"; "*" stands for the parts of one training.
        A name that no file has counts as one job that was not measured.
    """
    seconds, count, measured = 0.0, 0, 0
    for job in jobs:
        found = [_processor_time(path) for path in sorted(folder.glob(f"{job}.tsv"))] or [None]
        count += len(found)
        known = [each for each in found if each is not None]
        measured += len(known)
        seconds += sum(known)
    return Took(seconds, count, measured)


def in_words(part: Took) -> str:
    """Return what a part took, as a sentence; empty if no job of it was measured.

    >>> in_words(Took(1560.0, 6, 6))
    'This run took 26 minutes of processor time for it (6 jobs).'
    >>> in_words(Took(8.2, 3, 2))
    'This run took 8 seconds of processor time for it (2 of 3 jobs were measured).'
    """
    if not part.measured:
        return ""
    jobs = f"{part.jobs} jobs" if part.jobs > 1 else "1 job"
    if part.measured < part.jobs:
        jobs = f"{part.measured} of {jobs} were measured"
    return f"This run took {_duration(part.seconds)} of processor time for it ({jobs})."


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds" if round(seconds) != 1 else "1 second"
    return f"{seconds / 60:.0f} minutes"


def _processor_time(path: Path) -> float | None:
    """Return the processor time in a benchmark file, or None if it holds none: a job that ended
    before it was measured."""
    with path.open(encoding="utf-8", newline="") as stream:
        row = next(csv.DictReader(stream, delimiter="\t"), {})
    try:
        return float(row["cpu_time"])
    except (KeyError, ValueError):
        return None
