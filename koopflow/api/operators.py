"""A fitted Koopman operator: `Operator`, `load`, and the `distance` between spectra."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from koopflow.core.errors import KoopflowError
from koopflow.core.seeds import rng
from koopflow.koopman import dmd, saved, spectrum
from koopflow.koopman.intervals import eigenvalue_intervals, no_intervals
from koopflow.koopman.noise import measurement_noise_p
from koopflow.koopman.runs import Array, ComplexArray
from koopflow.koopman.steps import rates
from koopflow.koopman.tables import Belief, spectrum_table
from koopflow.koopman.variants import PEER_VARIANTS
from koopflow.koopman.walks import walk_p_values


@dataclass(frozen=True, eq=False)
class Operator:
    """A fitted Koopman operator.

    >>> import numpy as np
    >>> import koopflow as kf
    >>> time = np.arange(60)
    >>> operator = kf.fit(np.stack([0.9**time, 0.5**time, 0.9**time], axis=1), rank=2)
    >>> operator                                       # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    Operator(2 eigenvalues, |λ| from 0.9 to 0.5, largest residual ...; 1 run of 60 steps, 3
    parameters, no delays)
    >>> operator.eigenvalues.real.round(6)
    array([0.9, 0.5])
    >>> operator.forecast(2)[0].round(6)
    array([0.001797, 0.      , 0.001797])

    Attributes
    ----------
    fitted : koopflow.koopman.Koopman
        The engine's result, with exact modes, reconstructions and amplitudes.
    parameters : str or list of str, optional
        Name patterns of the fitted parameters; None means all.
    complete : bool
        False if a trajectory file was still being recorded.
    """

    fitted: dmd.Koopman = field(repr=False)
    parameters: str | Sequence[str] | None = None
    complete: bool = True

    @property
    def eigenvalues(self) -> ComplexArray:
        """Eigenvalues per recorded state, complex128 (r,), by decreasing modulus; conjugates are
        adjacent.
        """
        return self.fitted.eigenvalues

    @property
    def interval(self) -> int:
        """Optimizer steps between recorded states; 1 for arrays, unless `fit` was told otherwise."""
        return self.fitted.interval

    @property
    def per_step(self) -> ComplexArray:
        """Eigenvalues per optimizer step, λ^(1/interval) on the principal branch, complex128 (r,).

        Motions that turn by more than half a circle between recorded states are aliased; see
        `koopflow.koopman.steps`.
        """
        return self.fitted.per_step

    @property
    def rates(self) -> tuple[Array, Array]:
        """Growth rates (per step) and frequencies (radians per step), log(λ) / interval, each
        float64 (r,).
        """
        return rates(self.eigenvalues, self.interval)

    @property
    def residuals(self) -> Array:
        """Relative residual of each eigenpair, float64 (r,): 0 is exact, above about 0.1 unreliable
        (ResDMD). See `p_random_walk` for whether a small one shows dynamics.
        """
        return self.fitted.residuals

    @property
    def amplitudes(self) -> ComplexArray:
        """Weight of each mode in the first state of each run, complex128 (run, r)."""
        return self.fitted.amplitudes

    @property
    def rank(self) -> int:
        """Number of eigenvalues."""
        return self.fitted.rank

    @property
    def delays(self) -> int:
        """Number of earlier states in a delayed state."""
        return self.fitted.delays

    @cached_property
    def modes(self) -> ComplexArray:
        """Modes, complex128 (parameter, r), for the newest state. Computing them reads the
        trajectory file again.
        """
        return self._directions @ self.fitted.right

    @cached_property
    def _directions(self) -> NDArray[np.floating]:
        """The matrix (parameter, r) that takes coordinates of the fit to newest states."""
        return self.fitted.directions(lag=self.delays)

    @cached_property
    def p_random_walk(self) -> Array:
        """How often a random walk with the same increments has as good an eigenpair, float64 (r,).

        Random walks have small residuals too; at most 5 % of their eigenpairs get a value of 0.05 or
        less. An eigenvalue of 1 whose mode is the mean level is matched by every walk. NaN for the
        variants "optimized" and "bagged" and for more than 100 eigenvalues.

        >>> import numpy as np
        >>> import koopflow as kf
        >>> rotation = np.exp(0.3j * np.arange(40))
        >>> kf.fit(np.stack([rotation.real, rotation.imag], axis=1), rank=2).p_random_walk
        array([0.025, 0.025])
        """
        return walk_p_values(self.fitted, rng(0, "operator", "walks"))

    @cached_property
    def p_measurement_noise(self) -> float:
        """The p-value of no noise in the recorded states. If it is small, "total_least_squares" and
        "forward_backward" correct for that noise; else noise is in the steps, as that of
        minibatches, and "standard" is best. NaN with delays and for few states.
        """
        return measurement_noise_p(self.fitted)

    def intervals(self, level: float = 0.95, *, draws: int = 200, seed: int = 0) -> pd.DataFrame:
        """Return jackknife intervals of the eigenvalues: over runs, or over blocks of a single run.

        >>> import numpy as np
        >>> import koopflow as kf
        >>> noise = np.random.default_rng(0).normal(size=(12, 40, 2))
        >>> runs = 0.9 ** np.arange(40)[:, None] * [1, 2] + 1e-5 * noise
        >>> table = kf.fit(runs, rank=1).intervals()
        >>> bool(((table.real_low < 0.9) & (0.9 < table.real_high)).all())
        True

        Parameters
        ----------
        level : float
            Confidence level, strictly between 0 and 1.
        draws, seed : int
            Without effect: the jackknife draws nothing. Accepted for scripts that name them.

        Returns
        -------
        DataFrame
            One row per eigenvalue: mode, then real, imag, modulus and angle (radians per step),
            each with _low and _high; `attrs["resampled"]` names the units left out in turn. NaN for
            fewer than four runs or blocks.

        Raises
        ------
        KoopflowError
            For the variants "optimized" and "bagged", which cannot be refitted to some of the pairs.
        """
        if not 0 < level < 1:
            raise KoopflowError(f"level must be strictly between 0 and 1 (got {level})")
        found = eigenvalue_intervals(self.fitted, level=level)
        values = self.eigenvalues
        parts = {"real": values.real, "imag": values.imag, "modulus": np.abs(values), "angle": np.angle(values)}
        table = pd.DataFrame({"mode": np.arange(self.rank)})
        for name, part in parts.items():
            low, high = getattr(found, name)
            table[name], table[f"{name}_low"], table[f"{name}_high"] = part, low, high
        table.attrs["resampled"] = found.resampled
        return table

    def plot(self, *, largest_residual: float = 0.1, walk_level: float = 0.05, name: str = "operator") -> Figure:
        """Return a figure of the eigenvalues in the complex plane, with 95 % intervals if
        available.

        >>> import koopflow as kf
        >>> figure = kf.fit([[1.0, 2.0], [0.9, 1.0], [0.81, 0.5]], rank=2).plot()
        >>> figure.savefig("spectrum.png")                                    # doctest: +SKIP

        Parameters
        ----------
        largest_residual : float
            Eigenvalues with a larger residual are drawn hollow.
        walk_level : float
            Eigenvalues with a larger `p_random_walk` are drawn hollow.
        name : str
            Name of the operator in the legend.
        """
        from koopflow.figures.spectra import plot_trajectories

        interval = (
            no_intervals(self.rank, "nothing")
            if self.fitted.variant in PEER_VARIANTS
            else eigenvalue_intervals(self.fitted)
        )
        belief = Belief(self.p_random_walk, largest_residual, walk_level)
        table = spectrum_table(name, self.fitted, interval, belief, self.complete)
        return plot_trajectories(table, pd.DataFrame(), pd.DataFrame())

    def forecast(self, steps: int, run: int = -1) -> Array:
        """Return the next `steps` states after the end of a run (the last by default), float64
        (steps, parameter).
        """
        if steps < 1:
            raise KoopflowError(f"steps must be at least 1 (got {steps})")
        return self.fitted.states(self.fitted.coordinates_ahead(steps, run), self._directions)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the operator with its modes to an .npz file; `koopflow.load` reads it back.

        The file holds arrays only, no pickles, and takes 24 bytes per parameter and eigenvalue.
        """
        names = [self.parameters] if isinstance(self.parameters, str) else list(self.parameters or ())
        saved.save(
            path, saved.Saved(self.fitted, self.modes, self._directions, self.p_random_walk, names, self.complete)
        )

    def __repr__(self) -> str:
        runs, sizes = self.fitted.runs, np.abs(self.eigenvalues)
        count = f"{len(runs.lengths)} run{'s' if len(runs.lengths) > 1 else ''}"
        steps = f"{min(runs.lengths)} to {max(runs.lengths)}" if len(set(runs.lengths)) > 1 else str(runs.lengths[0])
        delays = f"{runs.delays} delay{'s' if runs.delays > 1 else ''}" if runs.delays else "no delays"
        values = (
            f"{self.rank} eigenvalue{'s' if self.rank > 1 else ''}, |λ| from {sizes.max():.4g} to {sizes.min():.4g}"
        )
        return (
            f"Operator({values}, largest residual {self.residuals.max():.0e}; "
            f"{count} of {steps} steps, {runs.width} parameters, {delays})"
        )


def load(path: str | os.PathLike[str]) -> Operator:
    """Return an operator written by `Operator.save`.

    >>> import tempfile
    >>> import koopflow as kf
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kf.fit([[1.0], [0.5], [0.25]], rank=1).save(f"{folder}/half.npz")
    ...     kf.load(f"{folder}/half.npz").eigenvalues.real.round(6)
    array([0.5])

    Raises
    ------
    KoopflowError
        If the file is missing, damaged or not an operator.
    """
    found = saved.load(path)
    operator = Operator(found.fitted, found.parameters or None, found.complete)
    # fills the cached properties
    operator.__dict__.update(modes=found.modes, _directions=found.directions, p_random_walk=found.p_random_walk)
    return operator


def distance(a: Operator | ArrayLike, b: Operator | ArrayLike, *, weighted: bool = False) -> float:
    """Return the 1-Wasserstein distance between two spectra, in units of eigenvalues per optimizer
    step.

    >>> import koopflow as kf
    >>> kf.distance([1.0, 0.9], [0.95, 0.9])
    0.025000000000000022

    Parameters
    ----------
    a, b : Operator or array of eigenvalues
        Of any ranks. Operators are compared per optimizer step (`Operator.per_step`), arrays as they
        are. Equal ranks: the mean distance of optimally matched eigenvalues (Redman et
        al., arXiv 2302.09160).
    weighted : bool
        Weight each eigenvalue by the magnitude of its mode's amplitudes; both must be operators.

    Raises
    ------
    KoopflowError
        For an empty or non-finite spectrum, or weights without operators.
    """
    if not weighted:
        return spectrum.distance(_eigenvalues(a), _eigenvalues(b))
    if not isinstance(a, Operator) or not isinstance(b, Operator):
        raise KoopflowError(
            "weighted=True needs two operators, since weights come from amplitudes; fit both sides first"
        )
    weights = [np.sqrt(np.mean(np.abs(one.amplitudes) ** 2, axis=0)) for one in (a, b)]
    return spectrum.distance(a.per_step, b.per_step, weights_a=weights[0], weights_b=weights[1])


def _eigenvalues(operator: Operator | ArrayLike) -> ComplexArray:
    found = operator.per_step if isinstance(operator, Operator) else operator
    return np.asarray(found, complex)
