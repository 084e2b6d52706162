"""One pruning study: decompose the trajectory of its networks, score, mask, evaluate; everything in one process on weights in memory."""

import itertools
import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.io.columns import NETWORK_TABLES
from koopflow.pruning import evaluation, measurements, scoring, selection, training
from koopflow.pruning.network import Job
from koopflow.training import optimizers
from koopflow.training.checkpoint import Checkpoint, Store
from koopflow.trajectory import Trajectory


def methods_of(study: Mapping, methods: Mapping) -> dict[str, Mapping]:
    """Return the methods that `study` names, those that it only compares included."""
    names = dict.fromkeys([*study["methods"], *itertools.chain(*study["pairs"])])
    for name in names:
        if name not in methods:
            raise KoopflowError(f"methods: {name!r} is unknown; accepted are {', '.join(methods)}")
    return {name: methods[name] for name in names}


def window_of(study: Mapping, methods: Mapping) -> int:
    """Return the longest window that any method of `study` looks at, in optimizer steps."""
    return max([study["window"], *(method.get("window", 0) for method in methods_of(study, methods).values())])


def check_study(name: str, study: Mapping, methods: Mapping, images: Images) -> None:
    """Raise KoopflowError, before anything is trained, for whatever in `study` cannot be done."""
    try:
        parameters, _ = evaluation.layouts(study["model"], images)
        prunable = selection.prunable_names(parameters, study["exclude"])
        for compression in study["compressions"]:
            selection.kept_at(parameters, prunable, compression, study["counted"])
        for method in methods_of(study, methods).values():
            scoring.check_score(method["score"], method.get("options"))
            training.check_window(method.get("window", study["window"]), study, images)
        training.check_window(study["window"], study, images)
        optimizers.check(study["optimizer"])
        if study.get("trajectory"):
            with Trajectory(study["trajectory"]) as trajectory:
                check_trajectory(trajectory, study, methods, images)
    except KoopflowError as error:
        raise KoopflowError(f"pruning.studies.{name}: {error}") from None


def check_trajectory(trajectory: Trajectory, study: Mapping, methods: Mapping, images: Images) -> None:
    """Raise KoopflowError where `trajectory` does not hold what `study` prunes."""
    parameters, buffers = evaluation.layouts(study["model"], images)
    held = {parameter.name: parameter.shape for parameter in trajectory.parameters}
    for name, shape in parameters:
        if name not in held:
            raise KoopflowError(f"{trajectory.path}: lacks the parameter {name} of the network; it holds {', '.join(held)}")
        if held[name] != shape:
            raise KoopflowError(f"{trajectory.path}: {name} has shape {held[name]}; the network's is {shape}")
    if tuple(held) != tuple(name for name, _ in parameters):
        raise KoopflowError(f"{trajectory.path}: holds {', '.join(held)}; the network has {', '.join(n for n, _ in parameters)}")
    if study.get("trajectory") and buffers.size:
        raise KoopflowError(
            f"{trajectory.path}: holds weights alone, and the network's running statistics ({buffers.names[0]}, ...) are needed to "
            "test it; accepted are networks without them, or training by this study"
        )
    for step in _steps(trajectory, study, images).values():
        trajectory.window(step - window_of(study, methods), step, spacing=1)


def _steps(trajectory: Trajectory, study: Mapping, images: Images) -> dict[float, int]:
    """Return epoch -> step of each moment in `trajectory`; a loop that counts its first update as 0 is one step behind ours."""
    steps = training.moments(study, images)
    behind = 1 if study.get("trajectory") and max(steps.values()) == trajectory.steps[-1] + 1 else 0
    return {epoch: step - behind for epoch, step in steps.items()}


def run(
    name: str,
    study: Mapping,
    methods: Mapping,
    images: Images,
    path: str | Path,
    networks: training.Networks | None = None,
    *,
    seed: int,
    seconds_per_step: float = float("nan"),
    checkpoint: Checkpoint | None = None,
    device: str = "auto",
    masks: str | Path | None = None,
) -> dict[str, pd.DataFrame]:
    """Return the study's tables (see `NETWORK_TABLES`) for the networks of one trajectory; diverged ones are left out and stand in `exclusions`.

    Parameters
    ----------
    name : str
        The study's name; every random stream is named after it and the network's number.
    study : mapping
        model, optimizer, batch_size, epochs, prune_epochs, window (optimizer steps), rank, compressions, exclude, counted,
        methods, pairs (of methods to compare), gradient_images, finetune {epochs, at, compressions: all by default},
        save_masks {at, compressions}.
    methods : mapping
        Name of method -> {score, scope, options, window, rank}.
    images : koopflow.data.images.Images
    path : path
        The trajectory: every optimizer step of the windows.
    networks : Networks, optional
        What training left beside it; absent for a trajectory recorded elsewhere.
    seconds_per_step : float
        Of training one network, for the share that Koopman pruning adds.
    checkpoint : Checkpoint, optional
        Moments that are done, and fine-tuning, are kept there; the same call goes on from them.
    masks : path, optional
        Folder for the masks that `study` saves.
    """
    rows: dict[str, list[dict]] = {table: [] for table in NETWORK_TABLES}
    with Trajectory(path) as trajectory:
        check_trajectory(trajectory, study, methods, images)
        if networks is None:
            networks = training.Networks(list(range(trajectory.replicas)), {}, {})
        job = Job(name, study, methods_of(study, methods), images, trajectory, networks, seed, seconds_per_step, device)
        store = _store(checkpoint, job, methods, masks)
        done = json.loads((store.load() or {"moments": "{}"})["moments"]) if store else {}
        for epoch, step in _steps(trajectory, study, images).items():
            if str(epoch) not in done:
                found = measurements.tables(job, epoch, step, window_of(study, methods), checkpoint, masks)
                done[str(epoch)] = json.loads(json.dumps(found))
                if store:
                    store.save({"moments": json.dumps(done)})
            for table, some in done[str(epoch)].items():
                rows[table] += some
    if store:
        store.remove()
    rows["exclusions"] = [{"study": name, "seed": gone, "diverged_at": at} for gone, at in networks.diverged.items()]
    return {table: pd.DataFrame(rows[table], columns=None if rows[table] else NETWORK_TABLES[table]) for table in NETWORK_TABLES}


def _store(checkpoint: Checkpoint | None, job: Job, methods: Mapping, masks) -> Store | None:
    """Return where finished moments are kept, named by all that their numbers depend on."""
    if checkpoint is None:
        return None
    about = {"pruning": job.name, "study": job.study, "methods": methods, "seed": job.seed, "masks": str(masks)}
    last = job.trajectory.window(int(job.trajectory.steps[-1]), int(job.trajectory.steps[-1])).read(check=False)
    arrays = {"last": last, "x": job.images.x_test, "y": job.images.y_test}
    return Store(checkpoint, {**about, "networks": job.networks.seeds}, arrays, code="koopflow.pruning.study")


def parts(study: Mapping, networks_per_job: int | None) -> list[tuple[int, int]]:
    """Return the networks (first, stop) of each training job of a study."""
    size = study["seeds"] if networks_per_job is None else networks_per_job
    return [(first, min(first + size, study["seeds"])) for first in range(0, study["seeds"], size)]
