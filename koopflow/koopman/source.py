"""One face for what a Koopman operator is fitted to: arrays in memory, or a trajectory file read in column blocks."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from koopflow.core.errors import KoopflowError

BLOCK_BYTES = 32 << 20
WORKERS = 8  # at most: each holds a block
CACHED_BYTES = 16 << 20


class Runs:
    """Runs of one system: each a sequence of states (step, parameter); pairs are never formed across runs.

    Attributes
    ----------
    lengths : list of int
        States in each run.
    width : int
        Parameters of a state.
    """

    def __init__(self, lengths, width: int, delays: int):
        self.lengths, self.width, self.delays = [int(length) for length in lengths], int(width), int(delays)
        if self.delays < 0:
            raise KoopflowError(f"delays: found {delays}, expected 0 or more")
        for run, length in enumerate(self.lengths):
            if length < self.delays + 2:
                raise KoopflowError(
                    f"run {run} has {length} steps; {self.delays} delays need at least {self.delays + 2} (delays + 2)"
                )
        self.windows = [length - self.delays for length in self.lengths]
        self.pairs = sum(self.windows) - len(self.windows)
        self.dimension = self.width * (self.delays + 1)
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)])

    def blocks(self, worker: int = 0, workers: int = 1) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yield (start, stop, block) over columns; block is (all steps of all runs, stop - start), valid until the next.

        One of several workers gets every so many blocks: which ones, is fixed by its number.
        """
        raise NotImplementedError

    def share(self, work: Callable[[int, int, int, np.ndarray], None], workers: int = 1) -> None:
        """Call work(worker, start, stop, block) with all columns, in parts so narrow that a float64 copy of them stays in the cache.

        Each worker reads and works on its own blocks, in their order, so what it adds up by itself is the same every time. Several of them
        have one thread of BLAS each.
        """
        narrow = max(1, CACHED_BYTES // (8 * int(self.offsets[-1])))

        def turn(worker: int) -> None:
            for start, stop, block in self.blocks(worker, workers):
                parts = -(-(stop - start) // narrow)
                edges = [(stop - start) * part // parts for part in range(parts + 1)]
                for first, last in pairwise(edges):
                    work(worker, start + first, start + last, block[:, first:last])

        if workers == 1:
            turn(0)
            return
        with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
            for done in [pool.submit(turn, worker) for worker in range(workers)]:
                done.result()

    def run(self, index: int) -> np.ndarray:
        """Return one run, float64 (step, parameter)."""
        raise NotImplementedError

    def combine(self, coefficients: np.ndarray, precision: str = "double") -> np.ndarray:
        """Return (parameter, k): sums of the states of all runs with complex `coefficients` (state, k), in one pass over the columns.

        In "single" precision what differs from the first state is summed in float32, and the first state itself in float64.
        """
        both = np.ascontiguousarray(np.concatenate([coefficients.real, coefficients.imag], axis=1))
        whole, narrow = both.sum(axis=0), both.astype(np.float32)
        count = coefficients.shape[1]
        out = np.empty((self.width, count), complex)

        def mix(worker, start, stop, block):
            if precision == "single":
                mixed = np.subtract(block, block[0], dtype=np.float32).T @ narrow + np.outer(block[0], whole)
            else:
                mixed = block.astype(float).T @ both
            out[start:stop].real, out[start:stop].imag = mixed[:, :count], mixed[:, count:]

        self.share(mix, worker_count())
        return out


def worker_count() -> int:
    """Return how many workers `Runs.share` should have where products are too narrow for BLAS's own threads: as many as BLAS may use."""
    threads = [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]
    return min(max(threads, default=1), WORKERS)


class ArrayRuns(Runs):
    """Runs held in memory, arrays of shape (step, parameter)."""

    def __init__(self, arrays, delays: int):
        self._arrays = []
        for run, array in enumerate(arrays):
            array = np.asarray(array)
            if array.ndim != 2 or array.shape[1] != np.shape(arrays[0])[1] or array.dtype.kind not in "fiu":
                raise KoopflowError(
                    f"run {run} is {array.dtype} of shape {array.shape}; expected real (step, parameter), equally"
                    " many parameters in every run"
                )
            if not np.isfinite(array).all():
                step, column = np.argwhere(~np.isfinite(array))[0]
                raise KoopflowError(
                    f"run {run} holds {array[step, column]} at step {step}, column {column}; only finite numbers fit"
                )
            self._arrays.append(array)
        if not self._arrays:
            raise KoopflowError("no run to fit")
        super().__init__([len(array) for array in self._arrays], self._arrays[0].shape[1], delays)

    def blocks(self, worker=0, workers=1):
        step = max(1, BLOCK_BYTES // (8 * int(self.offsets[-1])))
        for start in range(worker * step, self.width, workers * step):
            stop = min(start + step, self.width)
            pieces = [array[:, start:stop] for array in self._arrays]
            yield start, stop, pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def run(self, index):
        return np.ascontiguousarray(self._arrays[index], float)


class FileRuns(Runs):
    """The replicas of a `koopflow.trajectory.Trajectory` (anything with `blocks`, `pieces`, `read`, `steps`, `replicas`)."""

    def __init__(self, trajectory, delays: int, columns=None, replicas=None):
        self._trajectory = trajectory
        self._columns = [(0, trajectory.parameter_count)] if columns is None else columns
        self._replicas = list(range(trajectory.replicas)) if replicas is None else list(replicas)
        refuse_unequal(trajectory.path, trajectory.steps)
        super().__init__([len(trajectory.steps)] * len(self._replicas), sum(stop - start for start, stop in self._columns), delays)

    def blocks(self, worker=0, workers=1):
        pieces = self._trajectory.pieces(self._columns, BLOCK_BYTES // (8 * int(self.offsets[-1])))
        ends = np.cumsum([stop - start for start, stop in pieces])
        blocks = self._trajectory.blocks(pieces[worker::workers], self._replicas, block_bytes=BLOCK_BYTES // 2)
        for end, (_, _, block) in zip(ends[worker::workers].tolist(), blocks):
            yield end - block.shape[-1], end, block.reshape(-1, block.shape[-1])

    def run(self, index):
        return self._trajectory.read(self._columns, [self._replicas[index]])[0].astype(float)


class PooledRuns(Runs):
    """The replicas of several trajectory files of one system, as runs side by side."""

    def __init__(self, trajectories, delays: int, columns=None):
        files = [FileRuns(trajectory, delays, columns) for trajectory in trajectories]
        first = trajectories[0]
        for trajectory in trajectories[1:]:
            if trajectory.parameters != first.parameters:
                raise KoopflowError(
                    f"{trajectory.path}: {_difference(trajectory, first)}; only trajectories of the same parameters are pooled"
                )
            if _spacing(trajectory) != _spacing(first):
                raise KoopflowError(
                    f"{trajectory.path}: states are {_spacing(trajectory)} steps apart, {_spacing(first)} in {first.path.name}; only"
                    " equal spacings are pooled"
                )
        super().__init__([length for file in files for length in file.lengths], files[0].width, delays)
        self._trajectories, self._columns = trajectories, [(0, first.parameter_count)] if columns is None else columns
        self._places = [(file, at) for file in files for at in range(len(file.lengths))]

    def blocks(self, worker=0, workers=1):
        pieces = self._trajectories[0].pieces(self._columns, BLOCK_BYTES // (8 * int(self.offsets[-1])))
        ends = np.cumsum([stop - start for start, stop in pieces])
        for end, piece in list(zip(ends.tolist(), pieces))[worker::workers]:
            parts = [trajectory.read([piece]) for trajectory in self._trajectories]
            block = np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])
            yield end - block.shape[-1], end, block

    def run(self, index):
        file, at = self._places[index]
        return file.run(at)


def refuse_unequal(path, steps) -> None:
    """Raise KoopflowError, naming `path`, where its states stand at `steps` (int (state,)) that are not equally far apart."""
    spacing = np.diff(steps)
    if len(spacing) and spacing.min() != spacing.max():
        raise KoopflowError(
            f"{path}: states are {spacing.min()} to {spacing.max()} steps apart; a Koopman operator needs equal spacing"
        )


def _spacing(trajectory) -> int | None:
    return int(trajectory.steps[1] - trajectory.steps[0]) if len(trajectory.steps) > 1 else None


def _difference(trajectory, first) -> str:
    """Say in a few words where the parameters of two trajectories part."""
    for ours, theirs in zip(trajectory.parameters, first.parameters):
        if ours != theirs:
            return f"holds {ours.name} {ours.shape} where {first.path.name} holds {theirs.name} {theirs.shape}"
    return f"holds {len(trajectory.parameters)} parameters, {first.path.name} holds {len(first.parameters)}"


def as_runs(data, delays: int = 0, columns=None, replicas=None) -> Runs:
    """Wrap an array (step, parameter) or (run, step, parameter), a list of runs, a trajectory, or a list of trajectories."""
    if isinstance(data, Runs):
        return data
    if hasattr(data, "blocks"):
        return FileRuns(data, delays, columns, replicas)
    if isinstance(data, list | tuple) and data and all(hasattr(one, "blocks") for one in data):
        if replicas is not None:
            raise KoopflowError("replicas: of a single trajectory only; several are pooled whole")
        return PooledRuns(data, delays, columns)
    if isinstance(data, np.ndarray) and data.ndim == 2:
        data = [data]
    return ArrayRuns(list(data), delays)
