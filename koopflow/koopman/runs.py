"""Runs of one system, to which an operator is fitted, read in blocks of columns.

`Runs` is the interface. `koopflow.koopman.memory` implements it for arrays,
`koopflow.koopman.source` for trajectory files.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController, threadpool_limits

from koopflow.core.errors import KoopflowError

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
Work = Callable[[int, int, int, NDArray[Any]], None]

PLAIN = -20, 40
"""Range of binary exponents of the largest magnitude for which data are used as they are: squares of
changes, even in float32, neither overflow nor lose digits.
"""
WORKERS = 8  # maximum: each worker holds a block in memory


class Runs:
    """Runs of one system: sequences of states (step, parameter). Pairs are never formed across
    runs.

    Parameters
    ----------
    lengths : sequence of int
        States in each run.
    width : int
        Parameters of a state.
    delays : int
        Number of earlier states in each delayed state.

    Attributes
    ----------
    windows : list of int
        Number of delayed states in each run.
    pairs : int
        Number of pairs of successive delayed states over all runs.
    dimension : int
        Size of a delayed state, ``width * (delays + 1)``.
    offsets : int64 (run + 1,)
        Where each run starts when all states are stacked.
    exponent : int
        `blocks` and `run` give the data divided by ``2**exponent``. It is 0 unless squares of the
        data could overflow or lose digits. Powers of two change no digit.
    interval : int
        Optimizer steps between successive states; 1 if unknown.

    Raises
    ------
    KoopflowError
        For negative delays, or a run too short for them.
    """

    block_bytes: ClassVar[int] = 32 << 20
    cached_bytes: ClassVar[int] = 16 << 20
    interval: int = 1

    def __init__(self, lengths: Sequence[int], width: int, delays: int):
        if isinstance(delays, bool) or delays != int(delays) or delays < 0:
            raise KoopflowError(f"delays must be a non-negative integer (got {delays})")
        self.lengths, self.width, self.delays = [int(length) for length in lengths], int(width), int(delays)
        for run, length in enumerate(self.lengths):
            if length < self.delays + 2:
                raise KoopflowError(
                    f"run {run} must have at least {self.delays + 2} steps for {self.delays} delays (got {length})"
                )
        self.windows = [length - self.delays for length in self.lengths]
        self.pairs = sum(self.windows) - len(self.windows)
        self.dimension = self.width * (self.delays + 1)
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        self.exponent = 0

    def blocks(self, worker: int = 0, workers: int = 1) -> Iterator[tuple[int, int, NDArray[Any]]]:
        """Yield (start, stop, block) over columns; block (steps of all runs, stop - start) is valid
        until the next one.

        Worker k of n reads blocks k, k + n, k + 2n, …
        """
        raise NotImplementedError

    def measure(self) -> None:
        """Set `exponent` by the first block, for products in float32, unless it is set already."""
        if not self.exponent:
            _, _, block = next(iter(self.blocks()))
            self.exponent = exponent_of(float(np.abs(block).max()))

    def share(self, work: Work, workers: int = 1) -> None:
        """Call ``work(worker, start, stop, block)`` once for each block of columns.

        A float64 copy of a block fits in the processor's cache. Each worker reads its own blocks in
        order, so its sums are reproducible. With several workers, each has one BLAS thread.
        """
        narrow = max(1, self.cached_bytes // (8 * int(self.offsets[-1])))

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

    def rows(self) -> Iterator[tuple[int, int, NDArray[Any]]] | None:
        """Return blocks of successive states, (start, stop, states (state, parameter)), divided by
        ``2**exponent``; None where they would have to be read in columns. No block spans two runs.
        """
        return None

    def run(self, index: int) -> Array:
        """Return one run divided by ``2**exponent``, float64 (step, parameter)."""
        raise NotImplementedError

    def combine(self, coefficients: NDArray[Any], precision: str = "double") -> NDArray[Any]:
        """Return all states, in the units of the data, times real or complex `coefficients` (state,
        k), (parameter, k), in one pass over the columns.

        With `precision` "single", differences from the first state are summed in float32, the first
        state itself in float64.
        """
        coefficients = shifted(coefficients, self.exponent)  # since blocks are divided by 2**exponent
        parts = [coefficients.real, coefficients.imag] if np.iscomplexobj(coefficients) else [coefficients]
        both = np.ascontiguousarray(np.concatenate(parts, axis=1))
        whole, narrow = both.sum(axis=0), both.astype(np.float32)
        count = coefficients.shape[1]
        out = np.empty((self.width, count), coefficients.dtype)

        def mix(worker: int, start: int, stop: int, block: NDArray[Any]) -> None:
            if precision == "single":
                mixed = np.subtract(block, block[0], dtype=np.float32).T @ narrow + np.outer(block[0], whole)
            else:
                mixed = block.astype(float).T @ both
            out[start:stop].real = mixed[:, :count]
            if len(parts) == 2:
                out[start:stop].imag = mixed[:, count:]

        self.share(mix, worker_count())
        return out


def exponent_of(largest: float) -> int:
    """Return the exponent to divide data of this largest magnitude by; 0 within `PLAIN`."""
    exponent = int(np.frexp(largest)[1]) if largest else 0
    return 0 if PLAIN[0] <= exponent <= PLAIN[1] else exponent


def shifted(array: NDArray[Any], exponent: int) -> NDArray[Any]:
    """Return `array`, real or complex, times ``2**exponent``, which is exact; the array itself for
    0.
    """
    if not exponent:
        return array
    if np.iscomplexobj(array):
        array = np.ascontiguousarray(array)
        return np.ldexp(array.view(float), exponent).view(complex)
    return np.ldexp(array, exponent)


def worker_count() -> int:
    """Return the number of workers for products too narrow for BLAS threads: the number of BLAS
    threads.
    """
    threads = [library["num_threads"] for library in _libraries().info() if library["user_api"] == "blas"]
    return min(max(threads, default=1), WORKERS)


@cache
def _libraries() -> ThreadpoolController:
    """Return the libraries that this process has loaded; looking for them takes milliseconds."""
    return ThreadpoolController()
