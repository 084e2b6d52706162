"""Trajectories recorded by users: opened, checked before fitting, and named in every error."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from koopflow.config.spectra import TrajectorySettings
from koopflow.core.errors import KoopflowError, UnfitError
from koopflow.io.paths import STATES
from koopflow.koopman.rank import check_svd_rank, refuse_rank
from koopflow.koopman.runs import Runs
from koopflow.koopman.source import as_runs, refuse_unequal
from koopflow.trajectory import Trajectory
from koopflow.trajectory.adapters.folders import Reading, convert_folder, described, in_step_order


@contextmanager
def opened(name: str, settings: TrajectorySettings) -> Iterator[list[Trajectory]]:
    """Open the trajectories of ``trajectories.<name>``.

    A folder of states is converted into a temporary trajectory file first.

    Raises
    ------
    KoopflowError
        If a trajectory cannot be opened. Errors raised inside the block are reraised with the
        entry, its files, and keys as spelled in the configuration.
    """
    with _named(name, settings), ExitStack() as stack:
        reading = Reading(settings.include, settings.exclude, _range(settings))
        yield [stack.enter_context(open_trajectory(path, reading)) for path in settings.paths]


def open_trajectory(path: str | os.PathLike[str], reading: Reading | None = None) -> Trajectory:
    """Open a trajectory file, or a folder of checkpoints or arrays.

    Parameters
    ----------
    path : path
    reading : Reading, optional
        The steps to read and, for a folder, the tensors.

    Raises
    ------
    KoopflowError
        If `path` is missing, a single state, or not a trajectory.
    """
    path = Path(path)
    if not path.is_dir():
        trajectory = Trajectory(_several_states(path))
        return trajectory if reading is None or reading.steps is None else trajectory.window(*reading.steps)
    with TemporaryDirectory() as folder:  # an open file remains readable after its name is deleted
        trajectory = Trajectory(convert_folder(path, Path(folder) / "trajectory.h5", reading))
        trajectory.path = path
        return trajectory


def check_trajectory(name: str, settings: TrajectorySettings) -> None:
    """Check from metadata, without reading weights, that ``trajectories.<name>`` can be fitted.

    Raises
    ------
    KoopflowError
        For a file that is not a trajectory or has unequal spacing, files with different parameters,
        a pattern that matches no name, too few steps for the delays, or a rank above what the
        shapes allow. Errors are worded as in `opened`.
    """
    with _named(name, settings), ExitStack() as stack:
        if not isinstance(settings.rank, str):
            check_svd_rank(settings.rank)
        paths = [Path(path) for path in settings.paths]
        reading = Reading(settings.include, settings.exclude, _range(settings))
        files = [stack.enter_context(open_trajectory(path, reading)) for path in paths if not path.is_dir()]
        runs = [_outline(path, settings.delays, reading) for path in paths if path.is_dir()]
        if files:
            columns = files[0].columns(settings.parameters)
            runs.append(as_runs(files if len(files) > 1 else files[0], settings.delays, columns))
        if isinstance(settings.rank, str):
            if sum(len(part.lengths) for part in runs) < 2:
                raise KoopflowError("rank stable needs at least two runs (got 1); give a number of modes")
            return
        refuse_rank(settings.rank, min(sum(part.pairs for part in runs), *(part.dimension for part in runs)))


def _range(settings: TrajectorySettings) -> tuple[int, int] | None:
    return None if settings.steps is None else (settings.steps[0], settings.steps[1])


def _outline(folder: Path, delays: int, reading: Reading) -> Runs:
    """Return the run in a folder of states as described by its file names and its first state."""
    states = in_step_order(folder, reading)
    refuse_unequal(folder, [step for step, _ in states])
    width = sum(int(np.prod(shape)) for _, shape in described(states, reading))
    return Runs([len(states)], width, delays)


def _several_states(path: Path) -> Path:
    if path.suffix in STATES:
        raise KoopflowError(
            f"{path}: must be a folder of states, with a step number in each file name (got a single state)"
        )
    return path


@contextmanager
def _named(name: str, settings: TrajectorySettings) -> Iterator[None]:
    try:
        yield
    except KoopflowError as error:
        text = about_files(str(error), settings.paths)
        kind = UnfitError if isinstance(error, UnfitError) else KoopflowError
        raise kind(f"trajectories.{name}: {text}") from None


def about_files(message: str, paths: Sequence[str | os.PathLike[str]]) -> str:
    """Return an engine error in terms of the configuration: with the files, and `rank` for
    `svd_rank`."""
    text = message.replace("svd_rank ", "rank ")
    names = [str(Path(path)) for path in paths]
    return text if not names or any(name in text for name in names) else f"{', '.join(names)}: {text}"
