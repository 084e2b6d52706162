"""The configuration of a run, frozen when it starts, so that later edits of its files change no
job.

Snakemake reads the configuration files again in every job, while its records keep the values that
the run began with.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from koopflow.core.errors import KoopflowError
from koopflow.io.atomic import atomic_write

VARIABLE = "KOOPFLOW_CONFIGURATION"
"""Environment variable with the path of a run's configuration, for its jobs; SLURM passes it on."""


def variable(module: str = "") -> str:
    """Return the name of the variable of a run, or of the module `module` of another workflow's
    run, which may have several."""
    return f"{VARIABLE}_{module}" if module else VARIABLE


def freeze(settings: dict[str, Any], folder: str | Path, module: str = "") -> Path:
    """Write a run's resolved configuration as JSON into `folder`, set its `variable` to the path,
    and return that."""
    text = json.dumps(settings, indent=2, ensure_ascii=False) + "\n"
    path = Path(folder, f"configuration-{hashlib.sha256(text.encode()).hexdigest()[:12]}.json")
    with atomic_write(path, concurrent=True) as partial:
        partial.write_text(text, encoding="utf-8")
    os.environ[variable(module)] = str(path.resolve())
    return path


def frozen(module: str = "") -> dict[str, Any] | None:
    """Return the configuration of the run that this job belongs to, or None if its `variable` is
    not set, as on executors that pass no environment.

    Raises
    ------
    KoopflowError
        If the run's file is missing or damaged.
    """
    path = os.environ.get(variable(module))
    if path is None:
        return None
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KoopflowError(
            f"{path}: the configuration of this run cannot be read ({error}); start the run again"
        ) from None
    if not isinstance(found, dict):
        raise KoopflowError(f"{path}: must hold a mapping (got {type(found).__name__}); start the run again")
    return found


def without_record(results: str | Path, records: str | Path = ".snakemake/metadata") -> str | None:
    """Return a warning if `results` holds tables but Snakemake's records of them are gone, else
    None."""
    if any(Path(records).glob("*")) or not any(Path(results).rglob("*.csv")):
        return None
    return (
        f"nothing tells which settings made the files in {results}/ ({records} is absent or empty), "
        "so they count as current; "
        "to make them again, add --forceall"
    )
