"""The trajectories that a user's config names: opened, looked at before anything is fitted, and named in every error."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.io.paths import STATES, listed
from koopflow.koopman.rank import check_svd_rank, refuse_rank
from koopflow.koopman.runs import Runs
from koopflow.koopman.source import as_runs, refuse_unequal
from koopflow.trajectory import Trajectory
from koopflow.trajectory.adapters.folders import convert_folder, described, in_step_order


@contextmanager
def opened(name: str, spec: dict) -> Iterator[list[Trajectory]]:
    """Open the trajectories of the entry `name`: files, and folders of states, which are converted into temporary files.

    Raises KoopflowError, also for one raised inside, that names the entry, its files and keys in the words of the config.
    """
    with _named(name, spec), TemporaryDirectory() as folder, ExitStack() as stack:
        files = []
        for place, path in enumerate(map(Path, listed(spec["path"]))):
            converted = convert_folder(path, Path(folder) / f"{place}.h5") if path.is_dir() else _whole(path)
            files.append(stack.enter_context(Trajectory(converted)))
            files[-1].path = path  # what the user knows it by
        yield files


def check(name: str, spec: dict) -> None:
    """See from the descriptions alone, without reading weights, whether the entry `name` can be fitted as asked.

    Raises KoopflowError as `opened` does: for a file that is no trajectory, contradicts itself or has unequal spacing, files of unequal
    parameters, a pattern that no name matches, too few steps for the delays, a rank above what the shapes allow.
    """
    with _named(name, spec), ExitStack() as stack:
        check_svd_rank(spec["rank"])
        paths = list(map(Path, listed(spec["path"])))
        files = [stack.enter_context(Trajectory(_whole(path))) for path in paths if not path.is_dir()]
        runs = [_outline(path, spec["delays"]) for path in paths if path.is_dir()]
        if files:
            runs.append(as_runs(files if len(files) > 1 else files[0], spec["delays"], files[0].columns(spec["parameters"])))
        most = min(sum(part.pairs for part in runs), *(part.dimension for part in runs))
        refuse_rank(spec["rank"], most)


def _outline(folder: Path, delays: int) -> Runs:
    """Return the run in a folder of states as far as its names and its first state tell."""
    states = in_step_order(folder)
    refuse_unequal(folder, [step for step, _ in states])
    width = sum(int(np.prod(shape)) for _, shape in described(states))
    return Runs([len(states)], width, delays)


def _whole(path: Path) -> Path:
    """Return `path`; raises KoopflowError where it is a single state instead of a trajectory."""
    if path.suffix in STATES:
        raise KoopflowError(f"{path}: a single state; name the folder that holds the states, with a step number in each name")
    return path


@contextmanager
def _named(name: str, spec: dict) -> Iterator[None]:
    try:
        yield
    except KoopflowError as error:
        text, paths = str(error).replace("svd_rank ", "rank "), listed(spec["path"])
        files = "" if any(str(Path(path)) in text for path in paths) else f"{', '.join(paths)}: "
        raise KoopflowError(f"trajectories.{name}: {files}{text}") from None
