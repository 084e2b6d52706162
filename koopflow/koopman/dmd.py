"""Dynamic mode decomposition of any trajectory: `fit` and its result.

>>> import numpy as np
>>> angle = 0.3 * np.arange(50)
>>> fitted = fit(np.stack([np.cos(angle), np.sin(angle)], axis=1), svd_rank=2)
>>> bool(np.allclose(fitted.eigenvalues, np.exp([0.3j, -0.3j])))
True
"""

from dataclasses import dataclass, field

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.koopman.operator import VARIANTS, eigenpairs, operator, residuals
from koopflow.koopman.reduce import ROUTES, Reduced, reduce_states
from koopflow.koopman.source import Runs, as_runs

PEER_VARIANTS = ("optimized", "bagged")


@dataclass
class Koopman:
    """A fitted Koopman operator.

    Attributes
    ----------
    eigenvalues : complex (r,)
        By falling modulus; conjugates stand together, the one above the axis first.
    residuals : float64 (r,)
        Relative residual of each eigenpair over all pairs (ResDMD): 0 is exact.
    amplitudes : complex (run, r)
        Least-squares weight of each mode (of norm 1 in the projected sense) in each run's first delayed state.
    singular_values : float64 (r,)
    operator : float64 (r, r)
    rank, delays : int
    route : str
        How the singular directions were found (`koopflow.koopman.reduce`).
    """

    eigenvalues: np.ndarray
    residuals: np.ndarray
    amplitudes: np.ndarray
    singular_values: np.ndarray
    operator: np.ndarray
    right: np.ndarray = field(repr=False)
    left: np.ndarray = field(repr=False)
    reduced: Reduced = field(repr=False)
    runs: Runs = field(repr=False)
    variant: str = "standard"

    @property
    def rank(self) -> int:
        """Number of eigenvalues."""
        return len(self.eigenvalues)

    @property
    def delays(self) -> int:
        """Delays of a state."""
        return self.runs.delays

    @property
    def route(self) -> str:
        """How the singular directions were found."""
        return self.reduced.route

    def believable(self, largest_residual: float) -> np.ndarray:
        """Return which eigenpairs have a residual of at most `largest_residual`, bool (r,)."""
        return self.residuals <= largest_residual

    def modes(self, which=None, *, exact: bool = False, lag: int = 0) -> np.ndarray:
        """Return modes, complex (parameter, k), of the block `lag` (0 the oldest, `delays` the newest) of the delayed state.

        Parameters
        ----------
        which : sequence of int, optional
            Eigenvalue indices; all by default.
        exact : bool
            Exact instead of projected modes (Tu et al., J. Comput. Dyn. 1, 2014), divided by the eigenvalue so that both have the
            same amplitudes; for an eigenvalue 0 the projected one.

        A trajectory file is read once more.
        """
        which = np.arange(self.rank) if which is None else np.atleast_1d(which)
        basis, width = self.reduced.basis, self.runs.width
        if not exact and basis is not None:
            right = self.right[:, which]
            out = np.empty((width, right.shape[1]), complex)
            for part, factor in ((out.real, right.real), (out.imag, right.imag)):  # apart: the basis is not copied to be complex
                part[:] = basis[lag * width : (lag + 1) * width] @ factor.astype(basis.dtype)
            return out
        return self.runs.combine(self.combination(which, exact=exact, lag=lag), self.reduced.precision)

    def combination(self, which=None, *, exact: bool = False, lag: int = 0) -> np.ndarray:
        """Return coefficients, complex (state, k), that add up the states of all runs to the modes that `modes` returns.

        Inner products of states are all that a fit looks at, so the coefficients also serve other states with the same ones.
        """
        which = np.arange(self.rank) if which is None else np.atleast_1d(which)
        vectors = self.right[:, which]
        if self.reduced.coefficients is None:
            before = np.concatenate([states[:, :-1] for states in self.reduced.states], axis=1)
            coefficients = np.linalg.lstsq(before, np.eye(self.rank), rcond=None)[0] @ vectors
        else:
            coefficients = self.reduced.coefficients @ vectors
        values = self.eigenvalues[which]
        shift = np.where(exact & (np.abs(values) > 1e-12), 1, 0)
        coefficients = coefficients / np.where(shift, values, 1)
        spread = np.zeros((int(self.runs.offsets[-1]), coefficients.shape[1]), complex)
        place = 0
        for offset, windows in zip(self.runs.offsets, self.runs.windows):
            part = coefficients[place : place + windows - 1]
            for column, more in enumerate(shift):
                start = offset + lag + more
                spread[start : start + windows - 1, column] = part[:, column]
            place += windows - 1
        return spread

    def forecast(self, steps: int, run: int = -1, *, exact: bool = False) -> np.ndarray:
        """Return the next `steps` states after the end of a run, float64 (steps, parameter)."""
        return self._evolved(self.reduced.states[run][:, -1], np.arange(1, steps + 1), exact)

    def reconstruction(self, run: int = 0, *, exact: bool = False) -> np.ndarray:
        """Return a run as the modes alone give it from its first delayed state, float64 (windows, parameter): its newest states."""
        return self._evolved(self.reduced.states[run][:, 0], np.arange(self.runs.windows[run]), exact)

    def _evolved(self, state: np.ndarray, times: np.ndarray, exact: bool) -> np.ndarray:
        dynamics = self.eigenvalues[None, :] ** times[:, None] * (self.left @ state)
        return (dynamics @ self.modes(exact=exact, lag=self.delays).T).real


def fit(
    data,
    *,
    svd_rank=0,
    delays: int = 0,
    variant: str = "standard",
    columns=None,
    replicas=None,
    route: str = "auto",
    precision: str = "double",
) -> Koopman:
    """Fit a Koopman operator to one or several runs.

    Parameters
    ----------
    data : array (step, parameter) or (run, step, parameter), list of (step, parameter), koopflow.trajectory.Trajectory, or list of these
        Pairs of successive states are pooled over runs, never formed across them.
    svd_rank : int or float
        As in PyDMD: 0 optimal hard threshold, between 0 and 1 a share of energy, a whole number, -1 all.
    delays : int
        Earlier states that a state carries along; its dimension is parameters * (delays + 1).
    variant : str
        "standard", "total_least_squares", "forward_backward", or through PyDMD, for a single run, "optimized" or "bagged"
        (`koopflow.koopman.variants`).
    columns, replicas : optional
        Which part of a trajectory file, see `Trajectory.columns`.
    route : str
        "auto" or one of `koopflow.koopman.reduce`.
    precision : str
        "double", or "single" for about four digits of the eigenvalues, with more parameters than steps: by a sketch in a fraction of the
        time where the singular values allow it, by single products otherwise, and by double ones where these would lose the digits.

    Returns
    -------
    Koopman

    Raises
    ------
    KoopflowError
        For NaN, wrong shapes, too few steps for the delays, a rank above that of the data.
    """
    for name, value, accepted in (
        ("variant", variant, (*VARIANTS, *PEER_VARIANTS)),
        ("route", route, ROUTES),
        ("precision", precision, ("double", "single")),
    ):
        if value not in accepted:
            raise KoopflowError(f"{name}: found {value!r}, accepted are {', '.join(accepted)}")
    runs = as_runs(data, delays, columns, replicas)
    if variant in PEER_VARIANTS:
        from koopflow.koopman.variants import BAGS, fit_optimized

        return fit_optimized(runs, svd_rank=svd_rank, trials=BAGS if variant == "bagged" else 0, route=route, precision=precision)
    reduced = reduce_states(runs, svd_rank, route, precision)
    before = np.concatenate([states[:, :-1] for states in reduced.states], axis=1)
    after = np.concatenate([states[:, 1:] for states in reduced.states], axis=1)
    matrix = operator(before, after, variant)
    values, right, left = eigenpairs(matrix)
    amplitudes = np.stack([left @ states[:, 0] for states in reduced.states])
    return Koopman(
        values,
        residuals(values, left, before, after),
        amplitudes,
        reduced.singular_values,
        matrix,
        right,
        left,
        reduced,
        runs,
        variant,
    )
