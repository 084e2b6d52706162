"""Nearest spectra without comparing all of them: an exact index for the Wasserstein distance between sets of eigenvalues.

Project the eigenvalues of two spectra on a line and sort: the mean absolute difference is the Wasserstein distance of the
projections, and averaged over directions it can never exceed a known share of the distance in the plane (the sliced Wasserstein
bound, Bonneel et al. 2015). Sorted projections are therefore coordinates in which the plain L1 distance is a lower bound of the
distance wanted, and a k-d tree finds the candidates; only these are matched exactly. Trees of doubling sizes (Bentley and Saxe
1980) let the memory grow for ever: adding costs logarithmic time on average, and asking far less than a scan.
"""

import numpy as np
from scipy.spatial import cKDTree

from koopflow.forecast.buffer import Growing
from koopflow.koopman.spectrum import match_many

# Directions 0, 45, 90 degrees; 135 mirrors 45 because spectra of real operators are closed under conjugation, so 45 counts twice.
ANGLES = np.array([0.0, np.pi / 4, np.pi / 2])
WEIGHTS = np.array([1.0, 2.0, 1.0]) / 4
# The largest mean of |cos| over the four directions, reached half-way between two of them.
SHARE = float(np.mean(np.abs(np.cos(np.pi / 8 - np.arange(4) * np.pi / 4))))
BUFFER = 128
SLACK = 1e-12
# Members nearer than this are as good as the same; once k of them are found, the search is over. Without it a series that repeats
# itself exactly, or rests at zero, would make every member a candidate every time.
SAME = 1e-9


def embed(eigenvalues: np.ndarray) -> np.ndarray:
    """Return coordinates (n, 3 x rank) of spectra (n, rank): the L1 distance between them is a lower bound of their `distance`.

    The spectra must be closed under conjugation, as those of real operators are.
    """
    eigenvalues = np.atleast_2d(eigenvalues)
    rank = eigenvalues.shape[1]
    parts = []
    for angle, weight in zip(ANGLES, WEIGHTS):
        projected = eigenvalues.real * np.cos(angle) + eigenvalues.imag * np.sin(angle)
        parts.append(np.sort(projected, axis=1) * (weight / (rank * SHARE)))
    return np.concatenate(parts, axis=1)


class SpectralIndex:
    """A growing set of spectra that answers "which k are nearest?" exactly.

    Parameters
    ----------
    spectra : callable
        ``spectra(members)`` returns the spectra (n, m, rank) of members (n,), compared one by one in m and averaged; the index keeps
        coordinates only.
    distance : callable, optional
        ``distance(i, j, spectral, matching)`` returns the full distance between members i and j given the spectral part; it must
        never be smaller than that part. Absent: the spectral part alone.

    Attributes
    ----------
    exact_distances : int
        How many exact matchings have been computed so far, a measure of work that does not depend on the machine.
    """

    def __init__(self, spectra, distance=None):
        self._spectra, self._distance = spectra, distance
        self._members: list[int] = []
        self._points = Growing()
        self._trees: list[tuple[int, int, cKDTree]] = []
        self._treed = 0
        self.exact_distances = 0

    def __len__(self) -> int:
        return len(self._members)

    def add(self, member: int, point: np.ndarray) -> None:
        """Take in `member` with coordinates `point` (from `embed`)."""
        self._members.append(member)
        self._points.extend(point[None])
        if len(self._members) - self._treed >= BUFFER:
            start, stop = self._treed, len(self._members)
            while self._trees and self._trees[-1][1] - self._trees[-1][0] <= stop - start:
                start = self._trees.pop()[0]
            self._trees.append((start, stop, cKDTree(self._points.view[start:stop])))
            self._treed = stop

    def _candidates(self, point: np.ndarray, count: int, bound: float) -> tuple[np.ndarray, np.ndarray, float]:
        """Return lower bounds and positions of all members that may be nearer than `bound`, at most `count` from each tree, sorted,
        and the bound below which nothing is missing."""
        bounds, positions, complete = [], [], np.inf
        if self._treed < len(self._members):
            fresh = np.abs(self._points.view[self._treed :] - point).sum(axis=1)
            bounds.append(fresh)
            positions.append(np.arange(self._treed, len(self._members)))
        for start, stop, tree in self._trees:
            found, at = tree.query(point, k=min(count, stop - start), p=1, distance_upper_bound=bound)
            found, at = np.atleast_1d(found), np.atleast_1d(at)
            kept = np.isfinite(found)
            if kept.all() and len(kept) < stop - start:
                complete = min(complete, float(found[-1]))
            bounds.append(found[kept])
            positions.append(at[kept] + start)
        bounds, positions = np.concatenate(bounds), np.concatenate(positions)
        order = np.lexsort((positions, bounds))
        return bounds[order], positions[order], complete

    def nearest(self, member: int, point: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the k members nearest to `member` and their distances, nearest first; ties go to the earlier member, and of more than k
        members nearer than SAME any k are returned.

        Returns
        -------
        (min(k, size),) int and float
        """
        k = min(k, len(self._members))
        if k == 0:
            return np.empty(0, dtype=np.intp), np.empty(0)
        exact: dict[int, float] = {}
        count, worst = 4 * k + 4, np.inf
        while True:
            # Rounding in the two sums differs; the slack keeps a candidate whose bound equals its distance.
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
        return np.array([self._members[position] for position in order]), np.array([exact[position] for position in order])

    def _exact(self, member: int, positions: np.ndarray, worst: float) -> list[float]:
        self.exact_distances += len(positions)
        others = np.array([self._members[position] for position in positions])
        matchings, spectral = match_many(self._spectra(np.array([member]))[0], self._spectra(others))
        if self._distance is None:
            return spectral.tolist()
        return [
            self._distance(member, int(other), float(near), matching) if near <= worst else np.inf
            for other, near, matching in zip(others, spectral, matchings)
        ]


def nearest_by_scan(spectra, members: np.ndarray, member: int, k: int, distance=None) -> tuple[np.ndarray, np.ndarray]:
    """Return what `SpectralIndex.nearest` returns, by matching every member exactly: the check and the peer of the benchmark."""
    members = np.asarray(members)
    matchings, distances = match_many(spectra(np.array([member]))[0], spectra(members))
    if distance is not None:
        distances = np.array([distance(member, *each) for each in zip(members, distances, matchings)])
    order = np.lexsort((members, distances))[:k]
    return members[order], distances[order]
