"""Trajectories from a folder of states: checkpoints of other tools, or .npy arrays, in step order.

Nothing in a file is executed: checkpoints are read with ``weights_only=True``, arrays without
pickles.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError, UnfitError
from koopflow.trajectory.adapters.sources import Source, sources_in
from koopflow.trajectory.adapters.step_numbers import EPOCH_KEYS, LARGEST, STEP_KEYS, clean, steps_of
from koopflow.trajectory.layout import parameter_table
from koopflow.trajectory.writer import TrajectoryWriter

if TYPE_CHECKING:
    import torch

    from koopflow.trajectory.adapters.series import Series

logger = logging.getLogger("koopflow")

COPIES = ("last", "latest", "best", "final", "model_best", "best_model", "newest", "current")
"""Names of files that repeat the state of a numbered one."""


@dataclass(frozen=True)
class Reading:
    """The tensors and steps to read from a folder.

    Attributes
    ----------
    include, exclude : sequence of str
        Name patterns of tensors to take even if they look like buffers, and to leave out even if
        they are parameters.
    steps : (int, int), optional
        The first and the last step to read; all by default.
    """

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    steps: tuple[int, int] | None = None


def convert_folder(
    folder: str | os.PathLike[str], path: str | os.PathLike[str], reading: Reading | None = None
) -> Path:
    """Write the states in `folder` to the trajectory file `path`; return its path.

    A log line lists the tensors taken, and those left out with the reason.

    Parameters
    ----------
    folder : path
        Checkpoints (torch.save files, safetensors, shards), one folder for each
        (``checkpoint-100/``), or .npy arrays.
    path : path
    reading : Reading, optional
        Which tensors and steps; by default all parameters at all steps.

    Raises
    ------
    KoopflowError
        For an unreadable file, other names or shapes than in the first, a number that is not
        finite, a step that is missing or occurs twice.
    """
    ordered = _ordered(Path(folder), reading)
    study: dict[str, Any] = {"source": "folder", "files": [source.path.name for _, source in ordered]}
    states, table, left_out = _states(ordered, reading)
    if left_out:
        study["left_out"] = left_out
    with TrajectoryWriter(path, table, 1, study=study, seeds=[], steps=len(ordered)) as writer:
        for (step, _), (file, state) in zip(ordered, states):
            if (found := [(name, array.shape) for name, array in state.items()]) != table:
                (name, shape), (first, first_shape) = found[0], table[0]
                raise KoopflowError(
                    f"{file}: holds {name} {shape} for {first} {first_shape} in {ordered[0][1].path.name}; all "
                    "states must match"
                )
            writer.append(
                step, np.concatenate([_finite(file, name, array).ravel() for name, array in state.items()])[None]
            )
    return Path(path)


def described(files: Sequence[tuple[int, Path]], reading: Reading | None = None) -> list[tuple[str, tuple[int, ...]]]:
    """Return name and shape of each parameter in the first of the `files`, which `in_step_order`
    returned.

    Raises
    ------
    KoopflowError
        If the file cannot be read or holds no parameters.
    """
    sources = [(step, Source(path, path.name)) for step, path in (files[0], files[-1])]
    return _states(sources if len(files) > 1 else sources[:1], reading, say=False)[1]


def in_step_order(folder: str | os.PathLike[str], reading: Reading | None = None) -> list[tuple[int, Path]]:
    """Return step and path of each state in `folder`, in the order of steps.

    The path of a state in several shards is that of the first, or of their index.

    Raises
    ------
    KoopflowError
        If there is no state, files are of several kinds, or a step is missing, repeated or too
        large.
    """
    return [(step, source.path) for step, source in _ordered(Path(folder), reading)]


def _ordered(folder: Path, reading: Reading | None) -> list[tuple[int, Source]]:
    found = sources_in(folder)
    sources = _without_copies(found.sources, [_counters(source) for source in found.sources])
    if found.left_out:
        logger.info(
            "%s: left out %s", folder, ", ".join(f"{name} ({reason})" for name, reason in found.left_out.items())
        )
    steps = steps_of([source.name for source, _ in sources], [own for _, own in sources])
    by_step: dict[int, Source] = {}
    for step, (source, _) in zip(steps, sources):
        if step is None:
            raise KoopflowError(f"{source.path}: no step number in its name; give it one, as in step-100")
        if step >= LARGEST:
            raise KoopflowError(f"{source.path}: the step number {step} in its name is too large")
        if step in by_step:
            raise KoopflowError(f"{source.path}: step {step} occurs twice, also in {by_step[step].path.name}")
        by_step[step] = source
    first, last = (min(by_step), max(by_step)) if reading is None or reading.steps is None else reading.steps
    chosen = [(step, source) for step, source in sorted(by_step.items()) if first <= step <= last]
    if not chosen:
        raise KoopflowError(
            f"{folder}: no state of steps {first} to {last}; it has steps {min(by_step)} to {max(by_step)}"
        )
    return chosen


def _without_copies(
    sources: Sequence[Source], counters: Sequence[dict[str, int]]
) -> list[tuple[Source, dict[str, int]]]:
    """Return the sources without those named last or best whose counters show that they repeat
    another."""
    kept: list[tuple[Source, dict[str, int]]] = []
    named = [clean(source.name).strip("-_. ") in COPIES for source in sources]
    for place, (source, own) in enumerate(zip(sources, counters)):
        rivals = [other for rival, other in enumerate(counters) if not named[rival] or rival < place]
        if named[place] and own and own in rivals:
            logger.info("%s: left out because it repeats the state of another file", source.path)
        else:
            kept.append((source, own))
    return kept


def _counters(source: Source) -> dict[str, int]:
    if source.path.suffix == ".npy":
        return {}
    _require_torch(source.path)
    from koopflow.trajectory.adapters.contents import own_metadata
    from koopflow.trajectory.adapters.state_dicts import counters_in

    own = counters_in(own_metadata(source.path))
    return {key: value for key, value in (own | dict(source.counters)).items() if key in (*STEP_KEYS, *EPOCH_KEYS)}


def _states(
    ordered: Sequence[tuple[int, Source]], reading: Reading | None, say: bool = True
) -> tuple[Iterator[tuple[Path, dict[str, NDArray[Any]]]], list[tuple[str, tuple[int, ...]]], dict[str, str]]:
    """Return the states in order, name and shape of their parameters, and the tensors left out with
    the reason."""
    sources = [source for _, source in ordered]
    if sources[0].path.suffix == ".npy":
        table = _checked(sources[0].path, [("state", _array(sources[0].path).shape)])
        return ((source.path, {"state": _array(source.path)}) for source in sources), table, {}
    _require_torch(sources[0].path)
    from koopflow.trajectory.adapters.selection import Choice, summary
    from koopflow.trajectory.adapters.series import Series

    reading = reading or Reading()
    series = Series(sources, Choice(tuple(reading.include), tuple(reading.exclude)))
    if say:
        logger.log(
            logging.WARNING if series.left_out else logging.INFO,
            "%s: %s",
            sources[0].path.parent,
            summary(series.names, series.left_out, series.frozen),
        )
    table = _checked(sources[0].path, [(name, tuple(series.first.tensors[name].shape)) for name in series.names])
    return _as_arrays(series), table, series.left_out


def _checked(file: Path, table: list[tuple[str, tuple[int, ...]]]) -> list[tuple[str, tuple[int, ...]]]:
    """Return `table`; raise a KoopflowError that names the file if a trajectory cannot hold it."""
    try:
        parameter_table(table)
    except KoopflowError as error:
        raise KoopflowError(f"{file}: {error}") from None
    return table


def _as_arrays(series: "Series") -> Iterator[tuple[Path, dict[str, NDArray[Any]]]]:
    for path, tensors in series.tensors():
        yield path, {name: _numbers(tensor) for name, tensor in tensors.items()}


def _numbers(tensor: "torch.Tensor") -> NDArray[Any]:
    """Return a tensor's numbers; numpy has no type for some of the short ones."""
    array: NDArray[Any] = (tensor.float() if tensor.element_size() < 4 else tensor).numpy()
    return array


def _finite(file: Path, name: str, array: NDArray[Any]) -> NDArray[np.float32]:
    """Return `array` in float32; raise a KoopflowError for a number that is not finite there."""
    with np.errstate(over="ignore"):
        narrow = array.astype(np.float32)
    if not np.isfinite(narrow).all():
        bad = array[~np.isfinite(narrow)].flat[0]
        raise UnfitError(f"{file}: holds {bad} in {name}; only finite numbers in the range of float32 can be fitted")
    return narrow


def _array(file: Path) -> NDArray[Any]:
    try:
        with open(file, "rb") as stream:
            array = np.load(stream, allow_pickle=False)
    except Exception as error:  # numpy raises many kinds for a damaged file
        raise KoopflowError(f"{file}: not a readable array ({error})") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise KoopflowError(f"{file}: must hold real numbers (got {getattr(array, 'dtype', type(array).__name__)})")
    return array


def _require_torch(file: Path) -> None:
    try:
        import torch  # noqa: F401
    except ImportError:  # the environment of the Koopman stage lacks it
        raise KoopflowError(
            f"{file}: reading PyTorch checkpoints needs torch, which is not installed here; .npy arrays do not"
        ) from None
