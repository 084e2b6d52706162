"""Leading singular directions of the delayed states, by the cheapest route that is accurate enough.

Every route returns `Reduced`: the states in r coordinates. Later steps (operator, residuals,
forecasts) are small and the same for all routes. Errors below refer to the singular directions; κ
is s_1 / s_r and eps the machine epsilon.

direct
    One dense SVD of the delayed states, for small data; errors eps κ.
time
    More parameters than steps: eigenvectors of the products of states (`time_gram`); errors
    eps κ^2.
time_qr
    The same side by a streamed QR of the states (Demmel et al., SIAM J. Sci. Comput. 34, 2012);
    errors eps κ, three times the work. `auto` uses it if the Gram matrix would lose more than six
    digits.
sketch
    The same side without products of states, in single precision and without delays
    (`koopflow.koopman.sketch`). With `precision` "single", `auto` uses it for a few directions
    of many states, followed by a drop in singular values.
feature
    More steps than parameters: eigenvectors of `lag_gram`; errors eps s_1^2 / (s_r^2 - s_(r+1)^2).
    If that could lose more than eight digits, subspace iteration on the states reduces the errors
    to eps κ.
sweeps
    The same side without products of parameters, in single precision and without delays
    (`koopflow.koopman.sweeps`). Chosen by `auto` only, for a few directions in `precision` "single"
    if the singular values fall off.
feature_qr
    The same side by a QR of blocks of delayed states; errors eps κ, as costly as a dense SVD.
    `auto` uses it if most directions are wanted and rounding hides some in the Gram matrix.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from koopflow.core.errors import KoopflowError
from koopflow.koopman import streamed
from koopflow.koopman.delay import project, windows
from koopflow.koopman.eigen import leading
from koopflow.koopman.gram import delayed_time_gram, lag_gram, time_gram
from koopflow.koopman.rank import check_svd_rank, choose_rank
from koopflow.koopman.runs import Array, Runs
from koopflow.koopman.sketch import sketched
from koopflow.koopman.sweeps import swept

ROUTES = ("auto", "direct", "time", "time_qr", "sketch", "feature", "feature_qr")
DIRECT_SMALL, DIRECT_FULL = 250_000, 6_000_000
"""Largest number of entries in the delayed states for route `direct`, for few and for all
directions."""
TRUSTED = 1e-9
"""Smallest lambda_r / lambda_1 of a Gram matrix at which its eigenvectors hold six digits."""
TRUSTED_SINGLE, SKETCHED_RANGE = 1e-4, 1e-4
"""The same for four digits in single precision, for lambda_r and s_r, relative to the change from
the first state.
"""
SKETCHED_STEPS = 10
"""Smallest number of states, per direction of a sketch, for which its two passes cost less than the
products of states.
"""
SKETCHED_FALL = 0.05
"""Largest s_k / s_r of a sketch of k directions."""
KEPT_STATES = 2000
"""Largest number of states whose products (32 MB) are kept with the fit."""
GAP_TRUSTED = 2e-8
"""Smallest (lambda_r - lambda_(r+1)) / lambda_1 at which the leading eigenvectors hold eight
digits.
"""


@dataclass
class Reduced:
    """The delayed states, divided by ``2**runs.exponent``, in the coordinates of their r leading left
    singular vectors.

    Attributes
    ----------
    singular_values : float64 (r,)
    states : list of float64 (r, windows)
        One for each run.
    basis : float64 (dimension, r), float32 from a sketch, or None
        The singular vectors, if the route computes them.
    coefficients : float64 (pairs, r) or None
        Otherwise, basis = (delayed states with a successor) @ coefficients.
    route : str
    energy : float
        Share of the sum of squares in the r directions.
    precision : {"double", "single"}
        Precision for summing states to modes; "single" if the route found it sufficient.
    products : float64 (state, state) or None
        Inner products of all states without delays, if the route formed them and they are small.
    """

    singular_values: Array
    states: list[Array]
    basis: NDArray[np.floating] | None
    coefficients: Array | None
    route: str
    energy: float
    precision: str = "double"
    products: Array | None = field(default=None, repr=False)


def reduce_states(runs: Runs, svd_rank: float = 0, route: str = "auto", precision: str = "double") -> Reduced:
    """Return the delayed states of `runs` in their leading singular directions.

    Parameters
    ----------
    runs : Runs
    svd_rank : int or float
        See `koopflow.koopman.rank.choose_rank`.
    route, precision : str
        See the module docstring and `koopflow.koopman.fit`.
    """
    check_svd_rank(svd_rank)
    few = svd_rank >= 1 and 4 * svd_rank + 20 < min(runs.dimension, runs.pairs)
    size = runs.dimension * (runs.pairs + len(runs.windows))
    if route == "direct" or (route == "auto" and size <= (DIRECT_SMALL if few else DIRECT_FULL)):
        return _direct(runs, svd_rank)
    if route in ("time", "time_qr", "sketch") or (route == "auto" and runs.dimension > runs.pairs):
        return _on_time_side(runs, svd_rank, few, route, precision)
    reduced = None
    if route == "auto" and precision == "single" and few and not runs.delays:
        reduced = _by_sweeps(runs, int(svd_rank))
    if reduced is None and route != "feature_qr":
        reduced = _by_feature(runs, svd_rank, few, checked=route == "auto")
    return reduced or _by_feature_qr(runs, svd_rank)


def split_runs(matrix: Array, runs: Runs) -> list[Array]:
    """Return the columns of `matrix` (k, windows of all runs) as one array per run."""
    return np.split(matrix, np.cumsum(runs.windows)[:-1], axis=1)


def with_successor(runs: Runs) -> NDArray[np.intp]:
    """Return the indices, among all windows, of those that have a successor in their run."""
    last = np.cumsum(runs.windows) - 1
    return np.delete(np.arange(sum(runs.windows)), last)


def _direct(runs: Runs, svd_rank: float) -> Reduced:
    states = np.concatenate([windows(runs.run(index), runs.delays) for index in range(len(runs.lengths))]).T
    left, values, _ = np.linalg.svd(states[:, with_successor(runs)], full_matrices=False)
    rank = choose_rank(values, runs.dimension, runs.pairs, svd_rank)
    basis = left[:, :rank]
    energy = float(np.sum(values[:rank] ** 2) / np.sum(values**2))
    return Reduced(values[:rank], split_runs(basis.T @ states, runs), basis, None, "direct", energy)


def _on_time_side(runs: Runs, svd_rank: float, few: bool, route: str, precision: str) -> Reduced:
    checked = route == "auto"
    reduced = None
    if route == "sketch" or precision == "single":
        runs.measure()
    tall = sum(runs.lengths) >= SKETCHED_STEPS * (svd_rank + max(10, svd_rank // 2))
    if route == "sketch" or (checked and precision == "single" and few and not runs.delays and tall):
        reduced = _by_sketch(runs, svd_rank, checked)
    if reduced is None and route != "time_qr" and precision == "single":
        reduced = _by_time(runs, svd_rank, few, "single", checked)
    if reduced is None and route != "time_qr":
        reduced = _by_time(runs, svd_rank, few, "double", checked)
    return reduced or _by_time_qr(runs, svd_rank)


def _by_sketch(runs: Runs, svd_rank: float, checked: bool) -> Reduced | None:
    if runs.delays or svd_rank < 1:
        raise KoopflowError(
            f"route sketch needs an integer svd_rank and no delays (got svd_rank {svd_rank} and {runs.delays} delays)"
        )
    found = sketched(runs, int(svd_rank), with_successor(runs))
    values, rank = found.values, int(svd_rank)
    if checked:
        if len(values) < rank or values[rank - 1] < SKETCHED_RANGE * np.sqrt(found.moved):
            return None
        if len(values) > rank and values[-1] > SKETCHED_FALL * values[rank - 1]:
            return None
    values = values[: choose_rank(values, runs.dimension, runs.pairs, svd_rank)]
    energy = float(np.sum(values**2) / found.total)
    return Reduced(values, split_runs(found.states, runs), found.basis, None, "sketch", energy)


def _by_time(runs: Runs, svd_rank: float, few: bool, precision: str, checked: bool) -> Reduced | None:
    products = time_gram(runs, precision)
    gram = delayed_time_gram(products, runs)
    before = with_successor(runs)
    square = gram[np.ix_(before, before)]
    total = float(np.trace(square))
    if few:
        values, vectors = leading(square, int(svd_rank))
    else:
        values, vectors = (part[..., ::-1] for part in eigh(square, overwrite_a=True, check_finite=False))
    values = np.maximum(values, 0)
    singular = np.sqrt(values)
    if checked:
        # single precision is relative to the change from the first state, see `time_gram`
        moved = float(np.sum(np.diag(gram) - 2 * gram[0] + gram[0, 0]))
        if _hides(values, runs, svd_rank, TRUSTED * values[0] if precision == "double" else TRUSTED_SINGLE * moved):
            return None
    rank = choose_rank(singular, runs.dimension, runs.pairs, svd_rank, squared=True)
    coefficients = vectors[:, :rank] / singular[:rank]
    states = coefficients.T @ gram[before]
    energy = float(values[:rank].sum() / total)
    kept = products if len(products) <= KEPT_STATES else None
    return Reduced(singular[:rank], split_runs(states, runs), None, coefficients, "time", energy, precision, kept)


def _hides(values: Array, runs: Runs, svd_rank: float, trusted: float) -> bool:
    """Return whether wanted directions have Gram eigenvalues (`values`, in descending order) below
    `trusted`, where rounding hides them.
    """
    if not values[0]:
        return False
    if svd_rank == -1 or (svd_rank >= 1 and values[min(int(svd_rank), len(values)) - 1] < trusted):
        return True
    wanted = choose_rank(np.sqrt(values), runs.dimension, runs.pairs, svd_rank)
    return wanted > int(np.count_nonzero(values > trusted))


def _by_time_qr(runs: Runs, svd_rank: float) -> Reduced:
    states = streamed.time_triangle(runs)
    left, values, right = np.linalg.svd(states[:, with_successor(runs)], full_matrices=False)
    rank = choose_rank(values, runs.dimension, runs.pairs, svd_rank)
    energy = float(np.sum(values[:rank] ** 2) / np.sum(values**2))
    coefficients = right[:rank].T / values[:rank]
    return Reduced(values[:rank], split_runs(left[:, :rank].T @ states, runs), None, coefficients, "time_qr", energy)


def _by_sweeps(runs: Runs, rank: int) -> Reduced | None:
    runs.measure()
    found = swept(runs, rank)
    if found is None or found.values[rank - 1] < SKETCHED_RANGE * np.sqrt(found.moved):
        return None
    energy = float(np.sum(found.values[:rank] ** 2) / found.total)
    return Reduced(found.values[:rank], found.states, found.basis, None, "sweeps", energy)


def _by_feature(runs: Runs, svd_rank: float, few: bool, checked: bool) -> Reduced | None:
    gram = lag_gram(runs)
    total = float(np.trace(gram))
    if few:
        squares, basis = leading(gram, int(svd_rank))
    else:
        squares, basis = (part[..., ::-1] for part in eigh(gram.T, lower=True, check_finite=False))
    squares = np.maximum(squares, 0)
    if checked and not few and _hides(squares, runs, svd_rank, TRUSTED * squares[0]):
        return None
    values = np.sqrt(squares)
    rank = int(svd_rank) if few else choose_rank(values, runs.dimension, runs.pairs, svd_rank, squared=True)
    gap = squares[rank - 1] - (squares[rank] if rank < len(squares) else 0)
    if gap < GAP_TRUSTED * squares[0]:
        width = rank + max(6, rank // 2)  # more directions than wanted: the iteration converges faster
        start = leading(gram, width)[1][:, :width] if few else basis[:, :width]
        del gram
        basis, values = streamed.refined(runs, start, rank)
        rank = choose_rank(values, runs.dimension, runs.pairs, rank)
    return _in_basis(runs, basis[:, :rank], values[:rank], "feature", total)


def _by_feature_qr(runs: Runs, svd_rank: float) -> Reduced:
    _, values, right = np.linalg.svd(streamed.feature_triangle(runs), full_matrices=False)
    rank = choose_rank(values, runs.dimension, runs.pairs, svd_rank)
    return _in_basis(runs, right[:rank].T, values[:rank], "feature_qr", float(np.sum(values**2)))


def _in_basis(runs: Runs, basis: Array, values: Array, route: str, total: float) -> Reduced:
    basis = np.ascontiguousarray(basis)
    states = [project(runs.run(index), basis, runs.delays).T for index in range(len(runs.lengths))]
    return Reduced(values, states, basis, None, route, float(np.sum(values**2) / total))
