"""The checkout that runs a study: jobs use its library even if another copy is installed, and no
results go into its folders."""

import os
import sys
from pathlib import Path

from koopflow.core.errors import KoopflowError

OF_A_RUN = (".git", ".snakemake", ".checkpoints", ".venv", "logs")
"""Folders that hold something other than results, where a study runs."""
OF_THE_CHECKOUT = (
    *OF_A_RUN,
    *("koopflow", "scripts", "rules", "report", "envs", "config", "profiles", "docs", "tests", "benchmarks", ".ci"),
)
IMPORTED = (
    *("numpy", "scipy", "pandas", "torch", "h5py", "yaml", "pydantic", "matplotlib", "seaborn", "sklearn", "pyarrow"),
    *("statsmodels", "holidays", "safetensors", "torchvision", "PIL", "snakemake", "koopflow"),
)
"""Packages that jobs import."""


def refuse_shadows(root: Path) -> None:
    """Check that no module of the user beside the Snakefile hides one that jobs import.

    Raises
    ------
    KoopflowError
        If one does; the checkout comes before Python's own library on the path of jobs.
    """
    packages = (folder.parent for folder in root.glob("*/__init__.py") if folder.parent != root / "koopflow")
    for path in sorted([*root.glob("*.py"), *packages]):
        if path.stem in sys.stdlib_module_names or path.stem in IMPORTED:
            raise KoopflowError(f"{path}: hides the module {path.stem} from jobs; give it another name")


def refuse_results(results: str, root: Path) -> None:
    """Check that `results` is a folder of its own.

    Raises
    ------
    KoopflowError
        If it is, or holds, the working directory or the checkout `root`, if it lies in a folder of
        theirs, or if it names a home folder or a variable, which nothing expands.
    """
    if results.startswith("~") or "$" in results:
        raise KoopflowError(f"results: ~ and $ are not expanded (got {results!r}); write the path out")
    folder = Path(results).resolve()
    for place, others in ((Path.cwd(), OF_A_RUN), (root.resolve(), OF_THE_CHECKOUT)):
        if folder == place or folder in place.parents:
            raise KoopflowError(f"results must be a folder of its own, such as results (got {results!r})")
        inside = folder.relative_to(place).parts if folder.is_relative_to(place) else ()
        if inside and inside[0] in others:
            raise KoopflowError(f"results must not lie in {inside[0]}/ (got {results!r}); name a folder of its own")


def prefer(root: Path) -> None:
    """Put `root` first on the PYTHONPATH of the processes that this one starts."""
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(root), *(path for path in others if path and path != str(root))])
