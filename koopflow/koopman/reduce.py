"""The leading singular directions of the delayed states, by whichever route is cheap and accurate enough.

Every route ends in the same few numbers, `Reduced`: the states in r coordinates. What follows (operator, residuals, forecasts) is
small and the same for all.

direct    the delayed states are small: one dense SVD, errors eps * kappa (kappa = s_1 / s_r).
time      more parameters than steps: eigenvectors of the products of states (`time_gram`), errors eps * kappa^2.
time_qr   the same side by a streamed QR of the states (Demmel et al., SIAM J. Sci. Comput. 34, 2012), errors eps * kappa,
          three times the work; `auto` takes it where eps * kappa^2 of the Gram matrix would cost more than six digits.
sketch    the same side without products of states, single precision (`koopflow.koopman.sketch`), without delays; with `precision`
          "single", `auto` takes it for a few directions where the singular values fall off behind them.
feature   more steps than parameters: block Lanczos on `lag_gram`, errors eps * s_1^2 / (s_r^2 - s_(r+1)^2); where that could cost
          more than eight digits, also subspace iteration on the states themselves (orthonormal on either side of each product), which
          brings the errors back to eps * kappa.
feature_qr  the same side by a QR of the delayed states, a block of them at a time, errors eps * kappa, as costly as a dense one; `auto`
          takes it where all or most directions are asked for and the Gram matrix hides some of them.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from koopflow.core.errors import KoopflowError
from koopflow.koopman.delay import BLOCK_NUMBERS, combine, project, windows
from koopflow.koopman.gram import delayed_time_gram, lag_gram, time_gram
from koopflow.koopman.lanczos import leading
from koopflow.koopman.rank import check_svd_rank, choose_rank
from koopflow.koopman.runs import Runs
from koopflow.koopman.sketch import sketched

ROUTES = ("auto", "direct", "time", "time_qr", "sketch", "feature", "feature_qr")
DIRECT_SMALL, DIRECT_FULL = 250_000, 6_000_000  # numbers in the delayed states, for few and for all directions
TRUSTED = 1e-9  # smallest lambda_r / lambda_1 of a Gram matrix whose eigenvalues hold six digits
# In single precision, for four digits, and against what differs from the first state in place of s_1 (lambda_1).
TRUSTED_SINGLE, SKETCHED_RANGE = 1e-4, 1e-4  # of lambda_r in a Gram matrix, of s_r in a sketch
SKETCHED_FALL = 0.05  # largest s_k / s_r of a sketch of k directions
GAP_TRUSTED = 2e-8  # smallest (lambda_r - lambda_(r+1)) / lambda_1 at which the leading eigenvectors hold eight digits


@dataclass
class Reduced:
    """The delayed states in the coordinates of their r leading left singular vectors.

    Attributes
    ----------
    singular_values : float64 (r,)
    states : list of float64 (r, windows), one for each run
    basis : float64, float32 from a sketch, (dimension, r), or None
        The singular vectors, where the route has them.
    coefficients : float64 (pairs, r) or None
        Otherwise: basis = delayed states that have a successor, times these.
    route : str
    energy : float
        Share of the sum of squares that the r directions hold.
    precision : str
        In which precision the states may be added up to modes: "single" where the route itself found that enough.
    """

    singular_values: np.ndarray
    states: list
    basis: np.ndarray | None
    coefficients: np.ndarray | None
    route: str
    energy: float
    precision: str = "double"


def reduce_states(runs: Runs, svd_rank=0, route: str = "auto", precision: str = "double") -> Reduced:
    """Return the leading directions of `runs`; see the module for the routes and `rank` for `svd_rank`."""
    check_svd_rank(svd_rank)
    few = svd_rank >= 1 and 4 * svd_rank + 20 < min(runs.dimension, runs.pairs)
    size = runs.dimension * (runs.pairs + len(runs.windows))
    if route == "direct" or (route == "auto" and size <= (DIRECT_SMALL if few else DIRECT_FULL)):
        return _direct(runs, svd_rank)
    if route in ("time", "time_qr", "sketch") or (route == "auto" and runs.dimension > runs.pairs):
        return _on_time_side(runs, svd_rank, few, route, precision)
    reduced = None if route == "feature_qr" else _by_feature(runs, svd_rank, few, checked=route == "auto")
    return reduced or _by_feature_qr(runs, svd_rank)


def _split(matrix: np.ndarray, runs: Runs) -> list[np.ndarray]:
    return np.split(matrix, np.cumsum(runs.windows)[:-1], axis=1)


def _with_successor(runs: Runs) -> np.ndarray:
    last = np.cumsum(runs.windows) - 1
    return np.delete(np.arange(sum(runs.windows)), last)


def _direct(runs: Runs, svd_rank) -> Reduced:
    states = np.concatenate([windows(runs.run(index), runs.delays) for index in range(len(runs.lengths))]).T
    left, values, _ = np.linalg.svd(states[:, _with_successor(runs)], full_matrices=False)
    rank = choose_rank(values, runs.dimension, runs.pairs, svd_rank)
    basis = left[:, :rank]
    energy = float(np.sum(values[:rank] ** 2) / np.sum(values**2))
    return Reduced(values[:rank], _split(basis.T @ states, runs), basis, None, "direct", energy)


def _on_time_side(runs: Runs, svd_rank, few: bool, route: str, precision: str) -> Reduced:
    checked, reduced = route == "auto", None
    if route == "sketch" or (checked and precision == "single" and few and not runs.delays):
        reduced = _by_sketch(runs, svd_rank, checked)
    if reduced is None and route != "time_qr" and precision == "single":
        reduced = _by_time(runs, svd_rank, few, "single", checked)
    if reduced is None and route != "time_qr":
        reduced = _by_time(runs, svd_rank, few, "double", checked)
    return reduced or _by_time_qr(runs, svd_rank)


def _by_sketch(runs: Runs, svd_rank, checked: bool) -> Reduced | None:
    if runs.delays or svd_rank < 1:
        raise KoopflowError(
            f"route: sketch takes a whole svd_rank and no delays; found svd_rank {svd_rank} and {runs.delays} delays"
        )
    values, states, basis, total, moved = sketched(runs, int(svd_rank), _with_successor(runs))
    if checked:
        if len(values) < svd_rank or values[svd_rank - 1] < SKETCHED_RANGE * np.sqrt(moved):
            return None
        if len(values) > svd_rank and values[-1] > SKETCHED_FALL * values[svd_rank - 1]:
            return None
    values = values[: choose_rank(values, runs.dimension, runs.pairs, svd_rank)]
    return Reduced(values, _split(states, runs), basis, None, "sketch", float(np.sum(values**2) / total))


def _by_time(runs: Runs, svd_rank, few: bool, precision: str, checked: bool) -> Reduced | None:
    gram = delayed_time_gram(time_gram(runs, precision), runs)
    before = _with_successor(runs)
    square = gram[np.ix_(before, before)]
    total = float(np.trace(square))
    if few:
        values, vectors = leading(square, int(svd_rank))
    else:
        values, vectors = (part[..., ::-1] for part in eigh(square, overwrite_a=True, check_finite=False))
    values = np.maximum(values, 0)
    singular = np.sqrt(values)
    if checked:
        # single products hold the digits of what differs from the first state, see `time_gram`
        moved = float(np.sum(np.diag(gram) - 2 * gram[0] + gram[0, 0]))
        if _hides(values, runs, svd_rank, TRUSTED * values[0] if precision == "double" else TRUSTED_SINGLE * moved):
            return None
    rank = choose_rank(singular, runs.dimension, runs.pairs, svd_rank, squared=True)
    coefficients = vectors[:, :rank] / singular[:rank]
    states = coefficients.T @ gram[before]
    energy = float(values[:rank].sum() / total)
    return Reduced(singular[:rank], _split(states, runs), None, coefficients, "time", energy, precision)


def _hides(values: np.ndarray, runs: Runs, svd_rank, trusted: float) -> bool:
    """Tell whether a Gram matrix with the eigenvalues `values` hides digits of the directions asked for, below `trusted`."""
    if not values[0]:
        return False
    if svd_rank == -1 or (svd_rank >= 1 and values[min(int(svd_rank), len(values)) - 1] < trusted):
        return True
    return choose_rank(np.sqrt(values), runs.dimension, runs.pairs, svd_rank) > np.count_nonzero(values > trusted)


def _by_time_qr(runs: Runs, svd_rank) -> Reduced:
    count = int(runs.offsets[-1])
    triangle = np.empty((0, count))
    for _, _, block in runs.blocks():
        triangle = np.linalg.qr(np.concatenate([triangle, block.T.astype(float)]), mode="r")
    rows = [triangle[:, start : start + length].T for start, length in zip(runs.offsets, runs.lengths)]
    states = np.concatenate([windows(row, runs.delays) for row in rows]).T
    before = _with_successor(runs)
    left, values, right = np.linalg.svd(states[:, before], full_matrices=False)
    rank = choose_rank(values, runs.dimension, runs.pairs, svd_rank)
    energy = float(np.sum(values[:rank] ** 2) / np.sum(values**2))
    coefficients = right[:rank].T / values[:rank]
    return Reduced(values[:rank], _split(left[:, :rank].T @ states, runs), None, coefficients, "time_qr", energy)


def _by_feature(runs: Runs, svd_rank, few: bool, checked: bool) -> Reduced | None:
    gram = lag_gram(runs)
    total = float(np.trace(gram))
    if few:
        squares, basis = leading(gram, int(svd_rank))
    else:
        squares, basis = (part[..., ::-1] for part in eigh(gram.T, lower=True, check_finite=False))
    del gram
    squares = np.maximum(squares, 0)
    if checked and not few and _hides(squares, runs, svd_rank, TRUSTED * squares[0]):
        return None
    values = np.sqrt(squares)
    rank = int(svd_rank) if few else choose_rank(values, runs.dimension, runs.pairs, svd_rank, squared=True)
    gap = squares[rank - 1] - (squares[rank] if rank < len(squares) else 0)
    if gap < GAP_TRUSTED * squares[0]:
        basis, values = _refined(runs, basis[:, : rank + max(6, rank // 2)], rank)
        rank = choose_rank(values, runs.dimension, runs.pairs, rank)
    return _in_basis(runs, basis[:, :rank], values[:rank], "feature", total)


def _by_feature_qr(runs: Runs, svd_rank) -> Reduced:
    triangle = np.empty((0, runs.dimension))
    step = max(runs.dimension, BLOCK_NUMBERS // runs.dimension)
    for index, count in enumerate(runs.windows):
        states = runs.run(index)
        for start in range(0, count - 1, step):
            block = windows(states[start : min(start + step, count - 1) + runs.delays], runs.delays)
            triangle = np.linalg.qr(np.concatenate([triangle, block]), mode="r")
    _, values, right = np.linalg.svd(triangle, full_matrices=False)
    rank = choose_rank(values, runs.dimension, runs.pairs, svd_rank)
    return _in_basis(runs, right[:rank].T, values[:rank], "feature_qr", float(np.sum(values**2)))


def _in_basis(runs: Runs, basis: np.ndarray, values: np.ndarray, route: str, total: float) -> Reduced:
    basis = np.ascontiguousarray(basis)
    states = [project(runs.run(index), basis, runs.delays).T for index in range(len(runs.lengths))]
    return Reduced(values, states, basis, None, route, float(np.sum(values**2) / total))


def _refined(runs: Runs, basis: np.ndarray, rank: int, sweeps: int = 60, tolerance: float = 1e-13):
    """Iterate basis -> states' coordinates -> basis, orthonormalizing on both sides, until the kept directions stand still."""
    before = None
    places = np.cumsum([windows - 1 for windows in runs.windows])[:-1]
    for _ in range(sweeps):
        coordinates = [project(runs.run(index), basis, runs.delays)[:-1] for index in range(len(runs.lengths))]
        right, values, inner = np.linalg.svd(np.concatenate(coordinates), full_matrices=False)
        basis = basis @ inner.T  # Ritz vectors: their order and singular values are now right
        kept = basis[:, :rank]
        if before is not None:
            # 1 - cos^2 of the angle to the previous space, direction by direction, through what sticks out
            outside = np.linalg.norm(kept - before @ (before.T @ kept), axis=0)
            if outside.max() < max(np.sqrt(tolerance), 50 * np.finfo(float).eps * values[0] / values[rank - 1]) * 0.03:
                break
        before = kept
        image = sum(combine(runs.run(index), part, runs.delays) for index, part in enumerate(np.split(right, places)))
        basis = np.linalg.qr(image)[0]
    return basis, values
