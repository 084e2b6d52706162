"""A copy of the repository for a test to run in, as a user's clone would be."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CODE = ("Snakefile", "Makefile", "config.yaml", "config", "rules", "scripts", "koopflow", "envs", "profiles", "report")


def copy_of_the_house(folder: Path) -> Path:
    """Return `folder` with what git would clone: the code alone."""
    for name in CODE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    return folder
