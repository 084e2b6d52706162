"""Eigenpairs of dynamics against those of random walks with the same increments.

A small residual does not show dynamics: a random walk moves little in one step, so "no change"
predicts it well, and its principal components are smooth waves. What dynamics adds is that
increments can be predicted from the state. The statistic of an eigenpair with eigenfunction g is
the error of its prediction over that of no change, |g(y) - λ g(x)| / |g(y) - g(x)|. Its
distribution without dynamics comes from the data themselves: increments in shuffled order, summed
up from the same first states, are a random walk in the same directions. If the increments of the
data are exchangeable, the data are one of the shuffled sets, so a p-value of at most 0.05 has
probability 0.05 or less, whatever the number of parameters, steps and delays.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from koopflow.koopman.delay import project
from koopflow.koopman.dmd import Koopman
from koopflow.koopman.eigen import leading
from koopflow.koopman.gram import delayed_time_gram, lag_gram, time_gram
from koopflow.koopman.memory import ArrayRuns
from koopflow.koopman.operator import eigenpairs, operator
from koopflow.koopman.reduce import split_runs, with_successor
from koopflow.koopman.runs import Array, ComplexArray, Runs
from koopflow.koopman.variants import PEER_VARIANTS

MOST_RANK = 100
"""Largest rank that is tested: the cost of each walk grows with its cube."""
STILL = 1e-11
"""Share of its size below which changes of an eigenfunction are rounding."""


def walk_p_values(fitted: Koopman, generator: np.random.Generator, walks: int = 39) -> Array:
    """Return the p-value of each eigenpair, float64 (r,): how often random walks with the same
    increments do as well.

    Each walk is fitted as the data were, with new singular directions; its eigenpairs are compared
    one by one in order of modulus. Runs of equal length are shuffled alike, which keeps noise that
    they share. Both members of a conjugate pair get the larger of their p-values. An eigenvalue of
    1 with the mean level as its mode never passes: states that stay put are no evidence of dynamics.

    Parameters
    ----------
    fitted : Koopman
    generator : numpy Generator
    walks : int
        Number of random walks; p is at least 1 / (walks + 1). With 0, p is missing.

    Returns
    -------
    float64 (r,)
        NaN for the variants "optimized" and "bagged" and for more than `MOST_RANK` eigenvalues.

    Notes
    -----
    The walks cost no reading of a trajectory file if the fit kept its products of states
    (`Reduced.products`), and otherwise one.
    """
    if not walks or fitted.variant in PEER_VARIANTS or fitted.rank > MOST_RANK:
        return np.full(fitted.rank, np.nan)
    own = _improvement(fitted.eigenvalues, fitted.left, fitted.reduced.states)
    as_good = np.zeros(fitted.rank)
    for states in _walks(fitted, generator, walks):
        try:
            values, _, left = eigenpairs(operator(*_pairs(states), fitted.variant))
        except np.linalg.LinAlgError:  # a walk without an operator of this variant; count it against the data
            as_good += 1
            continue
        found = np.ones(fitted.rank)
        found[: len(values)] = _improvement(values, left, states)
        as_good += found <= own * (1 + 1e-9)
    p = (1 + as_good) / (1 + walks)
    partner = np.abs(fitted.eigenvalues[:, None] - fitted.eigenvalues.conj()[None, :]).argmin(axis=1)
    return np.asarray(np.maximum(p, p[partner]))


def _pairs(states: list[Array]) -> tuple[Array, Array]:
    before = np.concatenate([part[:, :-1] for part in states], axis=1)
    return before, np.concatenate([part[:, 1:] for part in states], axis=1)


def _improvement(values: ComplexArray, left: ComplexArray, states: list[Array]) -> Array:
    """Return the error of each eigenpair's predictions over that of no change, float64 (r,)."""
    now, then = (left @ part for part in _pairs(states))
    change = np.linalg.norm(then - now, axis=1)
    still = change <= STILL * np.linalg.norm(now, axis=1)
    error = np.linalg.norm(then - values[:, None] * now, axis=1)
    return np.where(still, 1.0, error / np.where(still, 1.0, change))


def _walks(fitted: Koopman, generator: np.random.Generator, walks: int) -> Iterator[list[Array]]:
    """Yield the delayed states of random walks in their own leading directions, one array (r,
    windows) per run.
    """
    runs = fitted.runs
    if sum(runs.windows) > runs.dimension:
        arrays = [runs.run(index) for index in range(len(runs.lengths))]
        for _ in range(walks):
            yield _by_feature(arrays, _shuffled(runs, generator), runs.delays, fitted.rank)
        return
    products = fitted.reduced.products
    changes = _differences(time_gram(runs) if products is None else products, runs)
    for _ in range(walks):
        order = np.concatenate(_shuffled(runs, generator))
        walk = changes[np.ix_(order, order)]
        for start, stop in zip(runs.offsets, runs.offsets[1:]):
            np.cumsum(walk[start:stop], axis=0, out=walk[start:stop])
        for start, stop in zip(runs.offsets, runs.offsets[1:]):
            np.cumsum(walk[:, start:stop], axis=1, out=walk[:, start:stop])
        yield _by_time(walk, runs, fitted.rank)


def _shuffled(runs: Runs, generator: np.random.Generator) -> list[NDArray[np.intp]]:
    """Return, per run, the indices among all states of the first state and of the others in
    shuffled order."""
    keys = generator.random(max(runs.lengths) - 1)
    return [
        np.concatenate([[start], start + 1 + np.argsort(keys[: length - 1])])
        for start, length in zip(runs.offsets, runs.lengths)
    ]


def _differences(products: Array, runs: Runs) -> Array:
    """Return the products of first states and increments from the `products` of states."""
    changes = np.diff(products, axis=0, prepend=0)
    changes[runs.offsets[:-1]] = products[runs.offsets[:-1]]
    both = np.diff(changes, axis=1, prepend=0)
    both[:, runs.offsets[:-1]] = changes[:, runs.offsets[:-1]]
    return both


def _by_time(products: Array, runs: Runs, rank: int) -> list[Array]:
    gram, before = delayed_time_gram(products, runs), with_successor(runs)
    values, vectors = leading(gram[np.ix_(before, before)], rank)
    held = values[:rank] > len(before) * np.finfo(float).eps * values[0]
    coefficients = vectors[:, :rank][:, held] / np.sqrt(values[:rank][held])
    return split_runs(coefficients.T @ gram[before], runs)


def _by_feature(arrays: list[Array], order: list[NDArray[np.intp]], delays: int, rank: int) -> list[Array]:
    walks, start = [], 0
    for states, indices in zip(arrays, order):
        changes = np.diff(states, axis=0, prepend=0)
        walks.append(np.cumsum(changes[indices - start], axis=0))
        start += len(states)
    basis = np.ascontiguousarray(leading(lag_gram(ArrayRuns(walks, delays)), rank)[1][:, :rank])
    return [project(walk, basis, delays).T for walk in walks]
