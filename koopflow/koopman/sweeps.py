"""A few leading singular directions with more steps than parameters, by block Krylov iteration in
single precision.

Each sweep multiplies the states by a few directions and the result by the states again, from a
random start. The best directions in the space of all sweeps are taken (Musco and Musco, Advances in
Neural Information Processing Systems 28, 2015), which need fewer sweeps than those of the last one
(Halko, Martinsson and Tropp, SIAM Review 53, 2011). The products of parameters, which dominate the
cost of route `feature`, are never formed. As in `koopflow.koopman.sketch`, float32 holds
differences from the first state. Sweeps end when the residuals say that the wanted directions hold
four digits; if they would take too many, as without a fall of the singular values, the caller forms the products.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from koopflow.koopman.runs import Array, Runs
from koopflow.koopman.sketch import difference

ENOUGH = 3e-5
"""Largest expected sine of the angle between found and true directions."""
NARROW, MOST = 40, 16
"""Parameters per direction from which sweeps are tried, and parameters per direction and sweep that
they may take: with more sweeps, the products of parameters cost less.
"""


HELD_BYTES = 2 << 30
"""Largest size of the states in float32, which are held in memory."""


@dataclass(frozen=True)
class Swept:
    """Leading directions found by sweeps.

    Attributes
    ----------
    values : float64 (k,)
        Singular values, in descending order; the first `wanted` are converged.
    basis : float64 (parameter, wanted)
    states : list of float64 (wanted, step)
        The states of each run in these directions.
    total, moved : float
        Sums of squares of the states that have a successor, and of their differences from the first
        state.
    """

    values: Array
    basis: Array
    states: list[Array]
    total: float
    moved: float


class Changes:
    """The states of all runs as differences from the very first, in float32.

    Parameters
    ----------
    runs : Runs
    """

    def __init__(self, runs: Runs):
        count = int(runs.offsets[-1])
        stacked, self.first = np.empty((count, runs.width), np.float32), np.empty(runs.width)
        squares, products = np.zeros(count), np.zeros(count)
        rows = runs.rows()

        def take(worker: int, start: int, stop: int, block: NDArray[Any]) -> None:
            self.first[start:stop], changes = block[0], difference(block, block[0])
            stacked[:, start:stop] = changes
            squares[:] += np.einsum("sp,sp->s", changes, changes)
            products[:] += changes @ block[0].astype(np.float32)

        if rows is None:
            runs.share(take)
        else:  # states in memory are copied as they lie there
            for start, stop, block in rows:
                if start == 0:
                    first = block[0].copy()
                    self.first[:], narrow = first, first.astype(np.float32)
                changes = difference(block, first, stacked[start:stop])
                squares[start:stop] = np.einsum("sp,sp->s", changes, changes)
                products[start:stop] = changes @ narrow
        before = np.delete(np.arange(count), runs.offsets[1:] - 1)
        self.moved = float(squares[before].sum())
        self.parts = np.split(stacked, runs.offsets[1:-1])
        self.total = self.moved + 2 * float(products[before].sum()) + runs.pairs * float(self.first @ self.first)

    def project(self, basis: Array) -> list[Array]:
        """Return the states of each run times `basis` (parameter, k), float64 (step, k)."""
        narrow, whole = basis.astype(np.float32), self.first @ basis
        return [(part @ narrow).astype(float) + whole for part in self.parts]

    def combine(self, coefficients: list[Array]) -> Array:
        """Return the states with a successor times `coefficients` of each run (step - 1, k), float64
        (parameter, k).
        """
        out = np.outer(self.first, np.sum([part.sum(axis=0) for part in coefficients], axis=0))
        for part, own in zip(self.parts, coefficients):
            out += part[:-1].T @ own.astype(np.float32)
        return out


def swept(runs: Runs, wanted: int) -> Swept | None:
    """Return the `wanted` leading directions of the states that have a successor, or None if too
    many sweeps are needed; delays are ignored.
    """
    width = min(wanted + max(10, wanted // 2), runs.width)
    if runs.width < NARROW * width or 4 * runs.offsets[-1] * runs.width > HELD_BYTES:
        return None
    changes, most = Changes(runs), runs.width / (MOST * width)
    generator = np.random.Generator(np.random.PCG64(0))
    found = _Found(runs.width, len(changes.parts))
    block = _orthonormal(generator.standard_normal((runs.width, width)))
    block = _orthonormal(changes.combine([part[:-1] for part in changes.project(block)]))
    outside, sweeps = 1.0, 1
    while True:
        image = found.add(block, changes)
        values, turn = found.directions()
        last, outside = outside, found.outside(values, turn[:, :wanted])
        if outside < ENOUGH:
            states = [(part @ turn[:, :wanted]).T for part in found.projected]
            return Swept(np.sqrt(values), found.basis @ turn[:, :wanted], states, changes.total, changes.moved)
        sweeps += 1
        rate = min(outside / last, 0.99)
        if sweeps > 2 and sweeps + np.log(ENOUGH / outside) / np.log(rate) > most:
            return None
        block = found.beyond(image)


class _Found:
    """All directions of the sweeps so far, with the states in them. Directions of earlier sweeps cost
    no further product, and the best of the whole space are far nearer than the last sweep's.
    """

    def __init__(self, width: int, runs: int):
        self.basis = self.images = np.empty((width, 0))
        self.projected = [np.empty((0, 0))] * runs

    def add(self, block: Array, changes: Changes) -> Array:
        """Add directions (parameter, k); return the products of the states with them, times the
        states again, float64 (parameter, k).
        """
        own = changes.project(block)
        image = changes.combine([part[:-1] for part in own])
        whole = self.projected if self.basis.size else [part[:, :0] for part in own]
        self.projected = [np.hstack(both) for both in zip(whole, own)]
        self.basis, self.images = np.hstack([self.basis, block]), np.hstack([self.images, image])
        return image

    def directions(self) -> tuple[Array, Array]:
        """Return the squared singular values (k,) of the states in the space of the directions, in
        descending order, and the coefficients (k, k) of their vectors.
        """
        before = np.concatenate([part[:-1] for part in self.projected])
        squares, turn = (part[..., ::-1] for part in eigh(before.T @ before))
        return np.maximum(squares, 0), turn

    def outside(self, squares: Array, turn: Array) -> float:
        """Return the largest sine of the angle between a wanted vector and the true ones: its
        residual over the distance of its square to those that are not wanted (Davis and Kahan 1970).
        """
        wanted = turn.shape[1]
        residuals = self.images @ turn - (self.basis @ turn) * squares[:wanted]
        apart = np.maximum(squares[:wanted] - squares[wanted], np.finfo(float).tiny)
        return float(min((np.linalg.norm(residuals, axis=0) / apart).max(), 1.0))

    def beyond(self, image: Array) -> Array:
        """Return orthonormal directions of what `image` has outside the space."""
        for _ in range(2):  # once more, since little of it may be left
            image = _orthonormal(image - self.basis @ (self.basis.T @ image))
        return image


def _orthonormal(columns: NDArray[np.floating]) -> Array:
    return np.asarray(np.linalg.qr(columns)[0], float)
