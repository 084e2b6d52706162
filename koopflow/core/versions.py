"""Versions of koopflow, its commit, and the packages that results depend on."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import koopflow

PACKAGES = (
    "snakemake",
    "numpy",
    "scipy",
    "pandas",
    "torch",
    "torchvision",
    "h5py",
    "scikit-learn",
    "statsmodels",
    "POT",
    "matplotlib",
    "seaborn",
)


def packages() -> str:
    """Return the versions of Python and of installed packages that results depend on."""
    found = [f"Python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def code() -> str:
    """Return the version of koopflow and, in a git checkout, its commit and whether tracked files
    have changed."""
    root = Path(koopflow.__file__).parents[1]
    try:
        commit = _git(root, "rev-parse", "--short=12", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return f"koopflow {koopflow.__version__}"
    return f"koopflow {koopflow.__version__}, commit {commit}{' with changes' if changed else ''}"


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=True, timeout=10
    ).stdout.strip()
