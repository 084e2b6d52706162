"""An exact nearest-neighbour index for the distance between spectra.

Project the eigenvalues of two spectra on a line and sort them: the mean absolute difference is the
Wasserstein distance of the projections. Its average over directions never exceeds a known multiple
of the distance in the plane (the sliced Wasserstein bound, Bonneel et al. 2015). So sorted
projections are coordinates whose L1 distance bounds the distance between spectra from below: k-d
trees find candidates, and only these are matched exactly. Trees of doubling sizes (Bentley and Saxe
1980) let the memory grow: an addition costs logarithmic time on average, and a query far less than
a scan.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from koopflow.forecast.buffer import Growing
from koopflow.koopman.spectrum import match_many

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]
Complex = NDArray[np.complex128]
Spectra = Callable[[Integers], Complex]
Distance = Callable[[int, int, float, Integers], float]

# Directions 0, 45 and 90 degrees. Spectra of real operators are closed under conjugation, so 135
# degrees mirrors 45, which counts twice.
ANGLES = np.array([0.0, np.pi / 4, np.pi / 2])
WEIGHTS = np.array([1.0, 2.0, 1.0]) / 4
# The maximum of the mean |cos| over the four directions, attained half-way between two of them.
SHARE = float(np.mean(np.abs(np.cos(np.pi / 8 - np.arange(4) * np.pi / 4))))
BUFFER = 128
SLACK = 1e-12
# Members nearer than this count as equal, and the search ends once k are found. Otherwise a series
# that repeats exactly, or stays at zero, would make every member a candidate.
SAME = 1e-9


def embed(eigenvalues: Complex) -> Floats:
    """Return coordinates (n, 3 x rank) of spectra (n, rank).

    Their L1 distance bounds `koopflow.koopman.spectrum.distance` from below.

    The spectra must be closed under conjugation, like those of real operators.
    """
    eigenvalues = np.atleast_2d(eigenvalues)
    rank = eigenvalues.shape[1]
    parts = []
    for angle, weight in zip(ANGLES, WEIGHTS):
        projected = eigenvalues.real * np.cos(angle) + eigenvalues.imag * np.sin(angle)
        parts.append(np.sort(projected, axis=1) * (weight / (rank * SHARE)))
    return np.concatenate(parts, axis=1)


class SpectralIndex:
    """A growing set of spectra with exact k-nearest-neighbour search.

    Parameters
    ----------
    spectra : callable
        ``spectra(members)`` returns the spectra (n, m, rank) of members (n,). The distance between
        two members is the mean distance between their m corresponding spectra. The index stores
        only coordinates.
    distance : callable, optional
        ``distance(i, j, spectral, matching)`` returns the full distance between members i and j,
        which must be at least the spectral distance. Default: the spectral distance.

    Attributes
    ----------
    exact_distances : int
        Number of exact matchings computed so far, a machine-independent measure of work.
    """

    def __init__(self, spectra: Spectra, distance: Distance | None = None) -> None:
        self._spectra, self._distance = spectra, distance
        self._members: list[int] = []
        self._points = Growing()
        self._trees: list[tuple[int, int, cKDTree]] = []
        self._treed = 0
        self.exact_distances = 0

    def __len__(self) -> int:
        return len(self._members)

    def add(self, member: int, point: Floats) -> None:
        """Add `member` with coordinates `point` (from `embed`)."""
        self._members.append(member)
        self._points.extend(point[None])
        if len(self._members) - self._treed >= BUFFER:
            start, stop = self._treed, len(self._members)
            while self._trees and self._trees[-1][1] - self._trees[-1][0] <= stop - start:
                start = self._trees.pop()[0]
            self._trees.append((start, stop, cKDTree(self._points.view[start:stop])))
            self._treed = stop

    def _candidates(self, point: Floats, count: int, bound: float) -> tuple[Floats, Integers, float]:
        """Return the members that may be nearer than `bound`, at most `count` from each tree.

        Returns
        -------
        (n,), (n,) and float
            Lower bounds, sorted; positions; and the bound below which all members are included.
        """
        all_bounds, all_positions, complete = [], [], np.inf
        if self._treed < len(self._members):
            fresh = np.abs(self._points.view[self._treed :] - point).sum(axis=1)
            all_bounds.append(fresh)
            all_positions.append(np.arange(self._treed, len(self._members)))
        for start, stop, tree in self._trees:
            found, at = tree.query(point, k=min(count, stop - start), p=1, distance_upper_bound=bound)
            found, at = np.atleast_1d(found), np.atleast_1d(at)
            kept = np.isfinite(found)
            if kept.all() and len(kept) < stop - start:
                complete = min(complete, float(found[-1]))
            all_bounds.append(found[kept])
            all_positions.append(at[kept] + start)
        bounds, positions = np.concatenate(all_bounds), np.concatenate(all_positions)
        order = np.lexsort((positions, bounds))
        return bounds[order], positions[order], complete

    def nearest(self, member: int, point: Floats, k: int) -> tuple[Integers, Floats]:
        """Return the k members nearest to `member`, and their distances.

        Returns
        -------
        (min(k, size),) int and float
            The members and their distances, nearest first. Ties go to the earlier member; if more
            than k members are nearer than SAME, any k of them are returned.
        """
        k = min(k, len(self._members))
        if k == 0:
            return np.empty(0, dtype=np.intp), np.empty(0)
        exact: dict[int, float] = {}
        count, worst = 4 * k + 4, np.inf
        while True:
            # The two sums round differently; the slack keeps candidates whose bound equals their
            # distance.
            bounds, positions, complete = self._candidates(point, count, worst + SLACK)
            fresh = np.array([position not in exact for position in positions], dtype=bool)
            bounds, positions = bounds[fresh], positions[fresh]
            for start in range(0, len(positions), k + 4):
                chosen = slice(start, start + k + 4)
                part = positions[chosen][bounds[chosen] <= worst + SLACK]
                if len(part) == 0 or worst <= SAME:
                    break
                exact.update(zip(part.tolist(), self._exact(member, part, worst)))
                worst = sorted(exact.values())[k - 1] if len(exact) >= k else np.inf
            if worst <= SAME or worst + SLACK < complete or not np.isfinite(complete):
                break
            count *= 4
        order = sorted(exact, key=lambda position: (exact[position], self._members[position]))[:k]
        return np.array([self._members[position] for position in order]), np.array(
            [exact[position] for position in order]
        )

    def nearest_apart(self, member: int, point: Floats, k: int, apart: int) -> tuple[Integers, Floats]:
        """Return the nearest member of each of the k nearest episodes.

        The nearest member is taken first, then the nearest of those at least `apart` from every
        member taken, and so on.

        Returns
        -------
        (at most k,) int and float
            The members and their distances, nearest first.
        """
        if apart <= 1:
            return self.nearest(member, point, k)
        asked = 4 * k
        while True:
            members, distances = self.nearest(member, point, asked)
            kept = separate(members, k, apart)
            if len(kept) == k or len(members) == len(self._members):
                return members[kept], distances[kept]
            asked *= 4

    def _exact(self, member: int, positions: Integers, worst: float) -> list[float]:
        self.exact_distances += len(positions)
        others = np.array([self._members[position] for position in positions])
        matchings, spectral = match_many(self._spectra(np.array([member]))[0], self._spectra(others))
        if self._distance is None:
            return spectral.tolist()
        return [
            self._distance(member, int(other), float(near), matching) if near <= worst else np.inf
            for other, near, matching in zip(others, spectral, matchings)
        ]


def separate(members: Integers, k: int, apart: int) -> Integers:
    """Return the positions of the first k members that are at least `apart` from all kept before.

    Examples
    --------
    >>> separate(np.array([50, 52, 20, 47, 80]), 3, apart=5).tolist()
    [0, 2, 4]
    """
    kept: list[int] = []
    for place, member in enumerate(members):
        if len(kept) == k:
            break
        if all(abs(int(member) - int(members[other])) >= apart for other in kept):
            kept.append(place)
    return np.array(kept, dtype=np.intp)


def nearest_by_scan(
    spectra: Spectra, members: Integers, member: int, k: int, distance: Distance | None = None
) -> tuple[Integers, Floats]:
    """Return the same as `SpectralIndex.nearest`, by matching every member exactly."""
    members = np.asarray(members)
    matchings, distances = match_many(spectra(np.array([member]))[0], spectra(members))
    if distance is not None:
        parts = zip(members, distances, matchings)
        distances = np.array([distance(member, int(other), float(near), columns) for other, near, columns in parts])
    order = np.lexsort((members, distances))[:k]
    return members[order], distances[order]
