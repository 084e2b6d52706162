"""Dynamic mode decomposition of any trajectory: `fit` and its result.

>>> import numpy as np
>>> angle = 0.3 * np.arange(50)
>>> fitted = fit(np.stack([np.cos(angle), np.sin(angle)], axis=1), svd_rank=2)
>>> bool(np.allclose(fitted.eigenvalues, np.exp([0.3j, -0.3j])))
True
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.koopman.operator import MANY_PAIRS, VARIANTS, eigenpairs, mode_weights, operator, residuals
from koopflow.koopman.reduce import ROUTES, Reduced, reduce_states
from koopflow.koopman.runs import Array, ComplexArray, Runs, shifted
from koopflow.koopman.source import Columns, as_runs
from koopflow.koopman.steps import per_step
from koopflow.koopman.variants import PEER_VARIANTS, optimized_operator

Which = int | Sequence[int] | NDArray[np.integer] | None
"""Indices of eigenvalues; None means all."""


@dataclass
class Koopman:
    """A fitted Koopman operator.

    Attributes
    ----------
    eigenvalues : complex128 (r,)
        Per recorded state, in order of decreasing modulus; in a conjugate pair, positive imaginary
        part first. `per_step` has them per optimizer step.
    residuals : float64 (r,)
        Relative residual of each eigenpair over all pairs of states (ResDMD): 0 is exact.
    amplitudes : complex128 (run, r)
        Weight of each mode in the first delayed state of each run, by least squares; like
        `singular_values` in the units of the data.
    singular_values : float64 (r,)
    operator : float64 (r, r)
        The operator in the coordinates of the leading singular directions.
    right, left : complex128 (r, r)
        Eigenvectors of `operator`: right as columns of norm 1, left as rows, with left @ right = 1
        unless the operator is defective.
    reduced : Reduced
        The delayed states, divided by ``2**runs.exponent``, in these coordinates.
    runs : Runs
    variant : str
    """

    eigenvalues: ComplexArray
    residuals: Array
    amplitudes: ComplexArray
    singular_values: Array
    operator: Array
    right: ComplexArray = field(repr=False)
    left: ComplexArray = field(repr=False)
    reduced: Reduced = field(repr=False)
    runs: Runs = field(repr=False)
    variant: str = "standard"

    @property
    def rank(self) -> int:
        """Number of eigenvalues."""
        return len(self.eigenvalues)

    @property
    def delays(self) -> int:
        """Number of earlier states in a delayed state."""
        return self.runs.delays

    @property
    def interval(self) -> int:
        """Optimizer steps between recorded states."""
        return self.runs.interval

    @property
    def per_step(self) -> ComplexArray:
        """Eigenvalues per optimizer step, complex128 (r,), see `koopflow.koopman.steps.per_step`."""
        return per_step(self.eigenvalues, self.interval)

    @property
    def route(self) -> str:
        """How the singular directions were found (`koopflow.koopman.reduce`)."""
        return self.reduced.route

    def believable(self, largest_residual: float) -> NDArray[np.bool_]:
        """Return the mask of eigenpairs with a residual of at most `largest_residual`, bool
        (r,)."""
        return self.residuals <= largest_residual

    def modes(self, which: Which = None, *, exact: bool = False, lag: int = 0) -> ComplexArray:
        """Return modes, complex (parameter, k).

        Parameters
        ----------
        which : int or sequence of int, optional
            Indices of eigenvalues; all by default.
        exact : bool
            Exact instead of projected modes (Tu et al., J. Comput. Dyn. 1, 2014), divided by their
            eigenvalue so that both have the same amplitudes. An eigenvalue of 0 keeps its projected
            mode.
        lag : int
            Block of the delayed state: 0 is the oldest, `delays` the newest.

        Notes
        -----
        Exact modes, and all modes of fits with more parameters than steps, read the trajectory file
        again.
        """
        which = np.arange(self.rank) if which is None else np.atleast_1d(which)
        if exact or self.reduced.basis is None:
            return self.runs.combine(self.combination(which, exact=exact, lag=lag), self.reduced.precision)
        basis, right = self.directions(lag=lag), self.right[:, which]
        out = np.empty((len(basis), right.shape[1]), complex)
        for part, factor in ((out.real, right.real), (out.imag, right.imag)):  # avoids a complex copy of the basis
            part[:] = basis @ factor.astype(basis.dtype)
        return out

    def directions(self, *, ahead: bool = False, lag: int = 0) -> NDArray[np.floating]:
        """Return the matrix (parameter, r) that takes coordinates to states; with `ahead`, to their
        successors, as fitted by least squares.

        Where the route kept no directions, and with `ahead`, this reads the trajectory file again.
        """
        basis, width = self.reduced.basis, self.runs.width
        if not ahead and basis is not None:
            return basis[lag * width : (lag + 1) * width]
        coefficients = self._spread(self._unmixed(), np.full(self.rank, int(ahead)), lag)
        return self.runs.combine(coefficients, self.reduced.precision)

    def combination(self, which: Which = None, *, exact: bool = False, lag: int = 0) -> ComplexArray:
        """Return the coefficients, complex (state, k), that combine the states of all runs into
        `modes`.

        A fit depends on inner products of states only, so the coefficients also apply to other
        states with equal inner products.
        """
        which = np.arange(self.rank) if which is None else np.atleast_1d(which)
        values = self.eigenvalues[which]
        shift = np.where(exact & (np.abs(values) > 1e-12), 1, 0)
        return self._spread(self._unmixed() @ self.right[:, which] / np.where(shift, values, 1), shift, lag)

    def _unmixed(self) -> Array:
        """Return the coefficients (pairs, r) that combine delayed states into directions."""
        if self.reduced.coefficients is not None:
            return self.reduced.coefficients
        before = np.concatenate([states[:, :-1] for states in self.reduced.states], axis=1)
        return np.asarray(np.linalg.lstsq(before, np.eye(self.rank), rcond=None)[0])

    def _spread(self, coefficients: NDArray[Any], shift: NDArray[np.integer], lag: int) -> NDArray[Any]:
        """Return `coefficients` of pairs (pairs, k) as coefficients of all states (state, k), where
        column j combines states `shift[j]` steps later.
        """
        coefficients = shifted(coefficients, -self.runs.exponent)
        spread = np.zeros((int(self.runs.offsets[-1]), coefficients.shape[1]), coefficients.dtype)
        place = 0
        for offset, windows in zip(self.runs.offsets, self.runs.windows):
            part = coefficients[place : place + windows - 1]
            for column, more in enumerate(shift):
                start = offset + lag + more
                spread[start : start + windows - 1, column] = part[:, column]
            place += windows - 1
        return spread

    def weights(self, coordinates: NDArray[Any]) -> ComplexArray:
        """Return the weights of the modes, complex (r, k), that come closest to states given by
        their coordinates (r, k), in the units of the data.

        Where the operator is defective, modes are parallel and share their weight.
        """
        return shifted(mode_weights(self.right, coordinates), self.runs.exponent)

    def forecast(self, steps: int, run: int = -1, *, exact: bool = False) -> Array:
        """Return the next `steps` states after the end of a run, float64 (steps, parameter), by
        powers of the operator. With `exact`, every state is the fitted successor of the one before.
        """
        evolved = self._evolved(self.reduced.states[run][:, -1], steps)
        directions = self.directions(ahead=exact, lag=self.delays)
        return self.states(evolved[:-1] if exact else evolved[1:], directions)

    def ahead(self, steps: int, run: int = -1) -> ComplexArray:
        """Return the weight of each mode in the next `steps` states after the end of a run, complex
        (steps, r).
        """
        return self.weights(self.coordinates_ahead(steps, run).T).T

    def coordinates_ahead(self, steps: int, run: int = -1) -> NDArray[Any]:
        """Return the next `steps` delayed states after the end of a run in the coordinates of
        `reduced`, (steps, r).
        """
        return self._evolved(self.reduced.states[run][:, -1], steps)[1:]

    def reconstruction(self, run: int = 0, *, exact: bool = False) -> Array:
        """Return a run rebuilt from its first delayed state by powers of the operator, float64
        (windows, parameter). With `exact`, all states but the first are fitted successors.
        """
        evolved = self._evolved(self.reduced.states[run][:, 0], self.runs.windows[run] - 1)
        if not exact:
            return self.states(evolved, self.directions(lag=self.delays))
        first = self.states(evolved[:1], self.directions(lag=self.delays))
        return np.concatenate([first, self.states(evolved[:-1], self.directions(ahead=True, lag=self.delays))])

    def _evolved(self, state: Array, steps: int) -> NDArray[Any]:
        """Return `state` and its images under the first `steps` powers of the operator.

        Unlike sums over modes, powers are accurate for defective operators too.
        """
        evolved = np.empty((steps + 1, self.rank), self.operator.dtype)
        evolved[0] = state
        for step in range(steps):
            evolved[step + 1] = self.operator @ evolved[step]
        return evolved

    def states(self, coordinates: NDArray[Any], directions: NDArray[np.floating]) -> Array:
        """Return the states (k, parameter) with the given coordinates (k, r), in the units of the
        data."""
        return shifted(np.real(coordinates @ directions.T), self.runs.exponent)


def fit(
    data: Any,
    *,
    svd_rank: float = 0,
    delays: int = 0,
    variant: str = "standard",
    columns: Columns | None = None,
    replicas: Sequence[int] | None = None,
    route: str = "auto",
    precision: str = "double",
) -> Koopman:
    """Fit a Koopman operator to one or several runs.

    Parameters
    ----------
    data : array, torch tensor, DataFrame, Trajectory, or list of these
        States (step, parameter), several runs (run, step, parameter), or a list of runs; see
        `koopflow.koopman.source.as_runs`. Pairs of successive states are pooled over runs, never
        formed across them.
    svd_rank : int or float
        As in PyDMD. 0: optimal hard threshold. Between 0 and 1: share of energy. Integer: that
        rank. -1: all.
    delays : int
        Number of earlier states in a delayed state, whose dimension is parameters * (delays + 1).
    variant : str
        "standard", right for noise in the steps such as that of minibatches;
        "total_least_squares" or "forward_backward", right for noise in the recorded states; for a
        single run also "optimized" or "bagged", through PyDMD (`koopflow.koopman.variants`).
    columns, replicas : optional
        The part of a trajectory file to fit, see `Trajectory.columns`.
    route : str
        "auto" or a route of `koopflow.koopman.reduce`.
    precision : {"double", "single"}
        "single" is faster for large data, unless rounding hides wanted directions, and gives
        eigenvalues to about four digits.

    Raises
    ------
    KoopflowError
        For NaN, wrong shapes, too few steps for the delays, or a rank above that of the data.
    """
    for name, value, accepted in (
        ("variant", variant, (*VARIANTS, *PEER_VARIANTS)),
        ("route", route, ROUTES),
        ("precision", precision, ("double", "single")),
    ):
        if value not in accepted:
            raise KoopflowError(f"{name} must be one of {', '.join(accepted)} (got {value!r})")
    runs = as_runs(data, delays, columns, replicas)
    return fit_reduced(reduce_states(runs, svd_rank, route, precision), runs, variant)


def _joined(parts: list[Array]) -> Array:
    """Return the columns of all runs; those of one long run are not copied."""
    long = len(parts) == 1 and parts[0].shape[1] >= MANY_PAIRS
    return parts[0] if long else np.concatenate(parts, axis=1)


def fit_reduced(reduced: Reduced, runs: Runs, variant: str = "standard") -> Koopman:
    """Fit the operator of `variant` to the states of `runs` in the coordinates of `reduced`."""
    before, after = (_joined([states[:, part] for states in reduced.states]) for part in (np.s_[:-1], np.s_[1:]))
    if variant in PEER_VARIANTS:
        matrix = optimized_operator(reduced.states, variant)
    else:
        matrix = operator(before, after, variant)
    values, right, left = eigenpairs(matrix)
    starts = np.stack([states[:, 0] for states in reduced.states], axis=1)
    amplitudes = shifted(mode_weights(right, starts).T, runs.exponent)
    sizes = shifted(reduced.singular_values, runs.exponent)
    error = residuals(values, left, before, after)
    return Koopman(values, error, amplitudes, sizes, matrix, right, left, reduced, runs, variant)
