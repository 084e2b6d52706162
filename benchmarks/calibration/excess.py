"""Error rates of the excess distance between set-ups: coverage of its interval, and its verdicts.

Usage: python benchmarks/calibration/excess.py [replicates] [spectra of real networks.npz ...]. Each
replicate draws seeds from two populations of 500 fitted spectra of noisy linear processes. A file
of spectra holds arrays (seed, eigenvalue) by set-up; every pair of its set-ups is a further row.
"""

import sys
from itertools import combinations
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.calibration.processes import distances, linear_map, spectra_of_runs
from koopflow.equivalence.comparison import compare, excess, verdict

REPLICATES, POPULATION, SEEDS, MARGIN = 2000, 500, (4, 8, 16), 0.25
SLOW = (0.95, 0.90, 0.87, 0.80, 0.70)
"""The eigenvalue of the second process in place of 0.95 of the first."""


def rates(matrix: np.ndarray, seeds: int, replicates: int, generator: np.random.Generator) -> dict[str, float]:
    """Return the shares of replicates that cover the truth and that reach each verdict.

    Parameters
    ----------
    matrix : float64 (2 population, 2 population)
        Distances between all spectra of two populations of equal size.
    """
    population = len(matrix) // 2
    halves = [np.arange(population), np.arange(population, 2 * population)]
    groups = [np.arange(seeds), np.arange(seeds, 2 * seeds)]
    true = excess(matrix, halves, [(0, 1)]).value
    covered, words = 0, []
    for _ in range(replicates):
        both = np.concatenate([generator.choice(half, seeds, replace=False) for half in halves])
        found = excess(matrix[np.ix_(both, both)], groups, [(0, 1)])
        covered += found.low <= true <= found.high
        words.append(verdict(found.low, found.high, MARGIN))
    shares = {word: words.count(word) / replicates for word in ("different", "equivalent", "inconclusive")}
    return {"true": true, "covered": covered / replicates, **shares}


def rejected(matrix: np.ndarray, seeds: int, replicates: int, generator: np.random.Generator) -> float:
    """Return the share of replicates whose permutation test has p of at most 0.05."""
    population = len(matrix) // 2
    below = 0
    for _ in range(replicates):
        both = [half * population + generator.choice(population, seeds, replace=False) for half in (0, 1)]
        both = np.concatenate(both)
        below += compare(matrix[np.ix_(both, both)], seeds, generator).p <= 0.05
    return below / replicates


def line(name: str, seeds: int, found: dict[str, float]) -> str:
    """Return one line of the table."""
    words = "  ".join(f"{word} {found[word]:.3f}" for word in ("different", "equivalent", "inconclusive"))
    return f"{name:34}  n {seeds:2}  excess {found['true']:6.3f}  covered {found['covered']:.3f}  {words}"


def main(replicates: int, files: list[str]) -> None:
    """Print the tables."""
    generator = np.random.default_rng(0)
    first = spectra_of_runs(linear_map(), POPULATION, generator)
    populations = {}
    for slow in SLOW:
        other = spectra_of_runs(linear_map(slow), POPULATION, generator)
        populations[f"linear, 0.95 and {slow:.2f}"] = distances(np.concatenate([first, other]))
    for path in files:
        with np.load(path) as held:
            for a, b in combinations(held.files, 2):
                size = min(len(held[a]), len(held[b]))
                populations[f"{a} and {b}"] = distances(np.concatenate([held[a][:size], held[b][:size]]))
    print(f"intervals of 95 % and verdicts at a margin of {MARGIN}, {replicates} replicates")
    for name, matrix in populations.items():
        for seeds in SEEDS:
            print(line(name, seeds, rates(matrix, seeds, replicates, generator)), flush=True)
    print(f"permutation test, share with p <= 0.05, {replicates // 4} replicates")
    for slow in (0.95, 0.80, 0.70):
        name = f"linear, 0.95 and {slow:.2f}"
        found = {seeds: rejected(populations[name], seeds, replicates // 4, generator) for seeds in (4, 5, 8)}
        print(f"{name:34}  " + "  ".join(f"n {seeds} {share:.3f}" for seeds, share in found.items()), flush=True)


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[1:] if text.isdecimal()]
    main((numbers or [REPLICATES])[0], [text for text in sys.argv[1:] if not text.isdecimal()])
