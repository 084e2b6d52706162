"""Delayed Koopman fits of the width study against a dense SVD of each delayed matrix: python
benchmarks/koopman_delayed.py."""

import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from koopflow.koopman import fit
from koopflow.koopman.delay import windows
from koopflow.koopman.spectrum import matching

SEEDS = 25


def training_like(width: int, runs: int = 10, steps: int = 1001, seed: int = 0) -> np.ndarray:
    """Runs of noisy descent on a quadratic from perturbed copies of one start, float32 (run, step,
    10 * width)."""
    generator = np.random.default_rng(seed)
    count = 10 * width
    rates = 0.1 * np.exp(generator.uniform(-8, -2, count))
    turn = np.linalg.qr(generator.standard_normal((count, count)))[0]
    goal, shared = generator.standard_normal(count), 0.01 * generator.standard_normal((steps, count))
    state = 0.3 * generator.standard_normal(count) * (1 + 0.001 * generator.uniform(-1, 1, (runs, count)))
    states = [state]
    for step in range(steps - 1):
        state = (
            state
            - ((state - goal) @ turn * rates) @ turn.T
            + shared[step]
            + 1e-4 * generator.standard_normal(state.shape)
        )
        states.append(state)
    return np.stack(states, 1).astype(np.float32)


def dense(data: np.ndarray, delays: int, rank: int) -> np.ndarray:
    """Eigenvalues by a float64 SVD of the whole delayed matrix."""
    blocks = [windows(run.astype(float), delays) for run in data]
    before, after = (np.concatenate([block[part] for block in blocks]).T for part in (np.s_[:-1], np.s_[1:]))
    left, values, right = np.linalg.svd(before, full_matrices=False)
    return np.linalg.eigvals(left[:, :rank].T @ after @ (right[:rank].T / values[:rank]))


def main() -> None:
    fit(training_like(5, runs=2, steps=200), svd_rank=10, delays=64, route="feature")  # first call: library loading
    rows = []
    for width, delays in ((5, 64), (10, 32), (40, 8)):
        seconds, fitted = [], []
        for seed in range(SEEDS):
            data = training_like(width, seed=seed)
            start = perf_counter()
            fitted.append(fit(data, svd_rank=10, delays=delays))
            seconds.append(perf_counter() - start)
        data = training_like(width, seed=0)
        start = perf_counter()
        peer = dense(data, delays, 10)
        dense_seconds = perf_counter() - start
        i, j = matching(fitted[0].eigenvalues, peer)
        rows.append(
            {
                "width": width,
                "dimension": fitted[0].runs.dimension,
                "pairs": fitted[0].runs.pairs,
                "route": fitted[0].route,
                "fits": SEEDS,
                "koopflow_s": sum(seconds),
                "slowest_fit_s": max(seconds),
                "one_dense_svd_s": dense_seconds,
                "times_faster": dense_seconds * SEEDS / sum(seconds),
                "largest_eigenvalue_difference": np.abs(fitted[0].eigenvalues[i] - peer[j]).max(),
            }
        )
        print(pd.DataFrame(rows[-1:]).to_string(index=False), flush=True)
    table = pd.DataFrame(rows)
    print(
        f"{SEEDS * len(rows)} fits: {table['koopflow_s'].sum():.1f} s, a dense SVD of each "
        f"{SEEDS * table['one_dense_svd_s'].sum():.0f} s"
        f" (one of each size timed): {SEEDS * table['one_dense_svd_s'].sum() / table['koopflow_s'].sum():.0f} times"
    )
    Path("benchmarks/out").mkdir(parents=True, exist_ok=True)
    table.to_csv("benchmarks/out/koopman_delayed.csv", index=False)


if __name__ == "__main__":
    main()
