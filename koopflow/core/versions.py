"""What is running: the version of koopflow, its commit, and the packages it stands on."""

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
)


def packages() -> str:
    """Return names and versions of Python and of the packages that results depend on, of those installed."""
    found = [f"Python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def code() -> str:
    """Return the version of koopflow and, in a git checkout, its commit and whether files differ from it."""
    root = Path(koopflow.__file__).parents[1]
    try:
        asked = {"cwd": root, "capture_output": True, "text": True, "check": True, "timeout": 10}
        commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], **asked).stdout.strip()
        changed = subprocess.run(["git", "status", "--porcelain", "--untracked-files=no"], **asked).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return f"koopflow {koopflow.__version__}"
    return f"koopflow {koopflow.__version__}, commit {commit}{' with changes' if changed else ''}"
