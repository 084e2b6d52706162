"""Reads the inventory: one YAML file per paper in ``published/``."""

from functools import cache
from pathlib import Path

from koopflow.config import files
from koopflow.papers.inventory import Paper

FOLDER = Path(__file__).parent / "published"
PAPERS = ("equivalence", "pruning", "tickets", "memory")
"""The files, in the order of the page; a paper's target is ``papers_NAME``."""


@cache
def inventory() -> dict[str, Paper]:
    """Return the papers by name.

    Raises
    ------
    KoopflowError
        If a file does not follow the models of `koopflow.papers.inventory`.
    """
    return {name: Paper.load(files.read(FOLDER / f"{name}.yaml"), f"{name}.yaml") for name in PAPERS}
