"""The tables of one pruning study: its networks decomposed, scored, masked and evaluated."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from koopflow.core import progress
from koopflow.io.columns import NETWORK_TABLES
from koopflow.pruning import measurements
from koopflow.pruning.checks import check_trajectory, recorded_steps
from koopflow.pruning.job import Job
from koopflow.training.checkpoint import Checkpoint, Store


def run(job: Job, checkpoint: Checkpoint | None = None, masks: str | Path | None = None) -> dict[str, pd.DataFrame]:
    """Return the tables of a job's networks, as in `koopflow.io.columns.NETWORK_TABLES`.

    All tables leave out networks that diverged, except ``exclusions``, which names them.

    Parameters
    ----------
    job : Job
    checkpoint : Checkpoint, optional
        Checkpoint of finished epochs and fine-tuning, from which the same call resumes.
    masks : path, optional
        The folder of the masks that the study saves.

    Raises
    ------
    KoopflowError
        If the trajectory lacks what the study prunes.
    """
    check_trajectory(job.trajectory, job.study, job.methods, job.images)
    rows: dict[str, list[dict[str, Any]]] = {table: [] for table in NETWORK_TABLES}
    store = None if checkpoint is None else _store(checkpoint, job, masks)
    saved = store.load() if store else None
    done: dict[str, str] = saved["epochs"] if saved else {}
    pruned = recorded_steps(job.trajectory, job.study, job.images).items()
    for epoch, step in progress.bar(pruned, f"pruning {job.name}", "epoch"):
        if str(epoch) not in done:
            done[str(epoch)] = json.dumps(measurements.tables(job, epoch, step, checkpoint, masks))
            if store:
                store.save({"epochs": done})
        for table, some in json.loads(done[str(epoch)]).items():
            rows[table] += some
    if store:
        store.remove()
    rows["exclusions"] = [
        {"study": job.name, "seed": gone, "diverged_at": at} for gone, at in job.networks.diverged.items()
    ]
    return {
        table: pd.DataFrame(rows[table], columns=None if rows[table] else columns)
        for table, columns in NETWORK_TABLES.items()
    }


def _store(checkpoint: Checkpoint, job: Job, masks: str | Path | None) -> Store:
    """Return the file of finished epochs, named by all that their numbers depend on."""
    about = {
        "pruning": job.name,
        "study": job.study.dump(),
        "methods": {name: method.dump() for name, method in job.methods.items()},
        "seed": job.seed,
        "masks": str(masks),
        "networks": job.networks.seeds,
    }
    last = job.trajectory.window(int(job.trajectory.steps[-1]), int(job.trajectory.steps[-1])).read(check=False)
    return Store(checkpoint, about, {"last": last, "x": job.images.x_test, "y": job.images.y_test}, code=__name__)
