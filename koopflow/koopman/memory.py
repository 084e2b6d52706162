"""Runs in memory: convert the data passed to `fit` into arrays (step, parameter), or raise a clear
error.
"""

import logging
import reprlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.koopman.runs import Array, Runs, exponent_of, shifted

logger = logging.getLogger("koopflow")

LARGEST, SMALLEST = 1e290, 1e-290
"""Range of magnitudes that keep all their digits and can be summed over many parameters."""

UNEQUAL = 1.5
"""Steps of an index are unequal if the largest exceeds the smallest by more than this factor; months
have from 28 to 31 days."""

ROW_BYTES = 1 << 20
"""Size in float64 of a block of successive states."""
ACCEPTED = "fit takes states (step, parameter), several runs (run, step, parameter), or a list of runs"


class ArrayRuns(Runs):
    """Runs held in memory.

    Parameters
    ----------
    arrays : sequence of array (step, parameter)
        Real numbers; every run has the same parameters.
    delays : int

    Raises
    ------
    KoopflowError
        For no runs, wrong shapes or types, non-finite numbers, or magnitudes near the limits of
        float64.
    """

    def __init__(self, arrays: Sequence[NDArray[Any]], delays: int):
        if not len(arrays):
            raise KoopflowError(f"no run to fit; {ACCEPTED}")
        largest = max(_largest(run, array, arrays[0].shape[-1:]) for run, array in enumerate(arrays))
        self._arrays = list(arrays)
        super().__init__([len(array) for array in arrays], arrays[0].shape[1], delays)
        self.exponent = exponent_of(largest)

    def blocks(self, worker: int = 0, workers: int = 1) -> Iterator[tuple[int, int, NDArray[Any]]]:
        """Yield blocks of columns, see `Runs.blocks`."""
        step = max(1, self.block_bytes // (8 * int(self.offsets[-1])))
        for start in range(worker * step, self.width, workers * step):
            stop = min(start + step, self.width)
            pieces = [array[:, start:stop] for array in self._arrays]
            block = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
            yield start, stop, shifted(block, -self.exponent)

    def rows(self) -> Iterator[tuple[int, int, NDArray[Any]]]:
        """Yield blocks of successive states, see `Runs.rows`."""
        size = max(1, ROW_BYTES // (8 * self.width))
        for offset, array in zip(self.offsets.tolist(), self._arrays):
            for start in range(0, len(array), size):
                block = array[start : start + size]
                yield offset + start, offset + start + len(block), shifted(block, -self.exponent)

    def run(self, index: int) -> Array:
        """Return one run divided by ``2**exponent``, float64 (step, parameter)."""
        return shifted(np.ascontiguousarray(self._arrays[index], float), -self.exponent)


def arrays_of(data: Any) -> list[NDArray[Any]]:
    """Return the runs in `data`, each an array (step, parameter), without copying arrays.

    Parameters
    ----------
    data : array, torch tensor, DataFrame, or (nested) list of numbers or of these
        Two axes are one run (step, parameter), three are several (run, step, parameter), one is a
        series of a single parameter. A list of matrices is a list of runs, which may differ in
        length; a list of vectors is one run, one vector per step, as NumPy reads it.

    Raises
    ------
    KoopflowError
        For anything else.
    """
    if _is_array(data):
        return _split(_array(data, "the data"))
    if not isinstance(data, list | tuple):
        raise KoopflowError(f"cannot fit a {type(data).__name__} ({reprlib.repr(data)}); {ACCEPTED}")
    parts = [_array(part, f"run {run}") if _is_array(part) else _nested(part, run) for run, part in enumerate(data)]
    if not parts:
        raise KoopflowError(f"no run to fit; {ACCEPTED}")
    if all(part.ndim == 2 for part in parts):
        return parts
    shapes = {part.shape for part in parts}
    if len(shapes) == 1 and parts[0].ndim in (0, 1):
        return _split(np.array(parts))
    listed = ", ".join(str(shape) for shape in sorted(shapes)[:4])
    raise KoopflowError(f"the list contains parts of shape {listed}; {ACCEPTED}")


def _is_array(data: Any) -> bool:
    """Return whether `data` is an array, tensor (`detach`) or data frame (`to_numpy`), without
    importing torch or pandas.
    """
    return isinstance(data, np.ndarray | np.generic) or hasattr(data, "detach") or hasattr(data, "to_numpy")


def _array(data: Any, name: str) -> NDArray[Any]:
    if hasattr(data, "detach"):
        if data.is_meta or str(data.layout) != "torch.strided":
            raise KoopflowError(f"{name} must be a dense tensor with data (got {data.layout} on {data.device})")
        data = data.detach().cpu()
        return _typed(np.asarray((data if str(data.dtype) != "torch.bfloat16" else data.float()).numpy()), name)
    if hasattr(data, "to_numpy"):
        _refuse_disorder(getattr(data, "index", None), name)
        wrong = [
            str(column) for column in getattr(data, "columns", ()) if np.asarray(data[column]).dtype.kind not in "fiu"
        ]
        if wrong:
            raise KoopflowError(f"column {wrong[0]} of {name} must hold real numbers; leave it out")
        values = np.asarray(data.to_numpy())
        if values.dtype == object and not wrong and hasattr(data, "astype"):  # pandas' own kinds of numbers
            values = np.asarray(data.astype(float).to_numpy())
        return _typed(values, name)
    if np.ma.is_masked(data):
        count = np.ma.count_masked(data)
        raise KoopflowError(
            f"{name} must not contain masked values (got {count} of {data.size}); fill them or split the run there"
        )
    return _typed(np.asarray(data), name)


def _refuse_disorder(index: Any, name: str) -> None:
    """Raise a KoopflowError for rows of a table or series whose index says that they are not in order or
    not at equal steps; warn of dates at unequal steps, such as business days."""
    if index is None or len(index) < 3 or getattr(index, "nlevels", 1) > 1:
        return
    numbers = np.asarray(index.asi8 if hasattr(index, "asi8") else index)
    if numbers.dtype.kind not in "iuf":
        return
    advice = "sort and fill them, or call reset_index(drop=True) if they follow each other at equal steps"
    if not index.is_monotonic_increasing:
        raise KoopflowError(f"rows of {name} must be in the order of their index; {advice}")
    steps = np.diff(numbers.astype(np.float64))
    if steps.max() <= UNEQUAL * steps.min():
        return
    if np.asarray(index).dtype.kind == "M":
        logger.warning("rows of %s are fitted as if at equal steps, but their dates are not; %s", name, advice)
        return
    raise KoopflowError(
        f"rows of {name} must be at equal steps of their index (got steps from {steps.min():g} to "
        f"{steps.max():g}); {advice}"
    )


def _nested(part: Any, run: int) -> NDArray[Any]:
    try:
        return _typed(np.asarray(part), f"run {run}")
    except ValueError:
        raise KoopflowError(f"run {run} has rows of unequal length; {ACCEPTED}") from None


def _typed(array: NDArray[Any], name: str) -> NDArray[Any]:
    if array.dtype.kind not in "fiu":
        raise KoopflowError(f"{name} must hold real numbers (got {array.dtype} of shape {array.shape})")
    return array


def _split(array: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the runs in an array with one, two or three axes."""
    if array.ndim == 1:
        return [array[:, None]]
    if array.ndim == 2:
        return [array]
    if array.ndim == 3:
        return list(array)
    raise KoopflowError(f"wrong data shape {array.shape}; {ACCEPTED}")


def _largest(run: int, array: NDArray[Any], width: tuple[int, ...]) -> float:
    """Return the largest magnitude in a run; refuse a run that cannot be fitted."""
    if array.shape[-1:] != width:
        raise KoopflowError(
            f"all runs must have the same parameters (got {width[0]} in run 0, {array.shape[1]} in run {run})"
        )
    if not array.size:
        raise KoopflowError(f"run {run} is empty (shape {array.shape}); {ACCEPTED}")
    largest = max(abs(float(array.max())), abs(float(array.min())))  # NaN and infinity show up here without a copy
    if not np.isfinite(largest):
        step, column = np.argwhere(~np.isfinite(array))[0]
        raise KoopflowError(f"run {run} must be finite (got {array[step, column]} at step {step}, column {column})")
    if largest > LARGEST or 0 < largest < SMALLEST:
        raise KoopflowError(
            f"largest magnitude of run {run} must be between {SMALLEST:g} and {LARGEST:g} (got "
            f"{largest:.3g}); rescale the data"
        )
    return largest
