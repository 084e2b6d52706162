"""The configuration of a run, frozen when it starts, so that a file edited meanwhile changes no job of it.

Snakemake reads the configuration files again in every job, while its records keep the values that the run began with.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from koopflow.core.errors import KoopflowError
from koopflow.io.atomic import atomic_write

VARIABLE = "KOOPFLOW_CONFIGURATION"
"""Environment variable that tells a run's jobs where its configuration lies; SLURM passes it on like any other."""


def freeze(settings: dict[str, Any], folder: str | Path) -> Path:
    """Write a run's resolved configuration as JSON into `folder` and tell its jobs; return the file."""
    text = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
    path = Path(folder, f"configuration-{hashlib.sha256(text.encode()).hexdigest()[:12]}.json")
    with atomic_write(path, concurrent=True) as partial:
        partial.write_text(text, encoding="utf-8")
    os.environ[VARIABLE] = str(path.resolve())
    return path


def frozen() -> dict[str, Any] | None:
    """Return the configuration of the run that this job belongs to; None where there is none, as on executors without environment.

    Raises
    ------
    KoopflowError
        If the file that the run has written is gone or damaged.
    """
    path = os.environ.get(VARIABLE)
    if path is None:
        return None
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KoopflowError(f"{path}: the configuration of this run cannot be read ({error}); start the run again") from None
    if not isinstance(found, dict):
        raise KoopflowError(f"{path}: must hold a mapping (got {type(found).__name__}); start the run again")
    return found


def without_record(results: str | Path, records: str | Path = ".snakemake/metadata") -> str | None:
    """Return a warning where `results` holds tables but Snakemake's record of what made them is gone; None otherwise."""
    if any(Path(records).glob("*")) or not any(Path(results).rglob("*.csv")):
        return None
    return (
        f"nothing tells which settings made the files in {results}/ ({records} is absent or empty), so they count as current; "
        "to make them again, add --forceall"
    )
