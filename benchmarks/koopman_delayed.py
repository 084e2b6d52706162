"""Delayed Koopman fits of the width study against a dense SVD of each delayed matrix: python benchmarks/koopman_delayed.py."""

import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from koopflow.koopman import fit
from koopflow.koopman.delay import windows
from koopflow.koopman.spectrum import distance


def training_like(width: int, runs: int = 10, steps: int = 1001, seed: int = 0) -> np.ndarray:
    """Runs of noisy descent on a quadratic from perturbed copies of one start, float32 (run, step, 10 * width)."""
    generator = np.random.default_rng(seed)
    count = 10 * width
    rates = 0.1 * np.exp(generator.uniform(-8, -2, count))
    turn = np.linalg.qr(generator.standard_normal((count, count)))[0]
    goal, shared = generator.standard_normal(count), 0.01 * generator.standard_normal((steps, count))
    state = 0.3 * generator.standard_normal(count) * (1 + 0.001 * generator.uniform(-1, 1, (runs, count)))
    states = [state]
    for step in range(steps - 1):
        state = state - ((state - goal) @ turn * rates) @ turn.T + shared[step] + 1e-4 * generator.standard_normal(state.shape)
        states.append(state)
    return np.stack(states, 1).astype(np.float32)


def dense(data: np.ndarray, delays: int, rank: int) -> np.ndarray:
    """Eigenvalues by a float64 SVD of the whole delayed matrix."""
    blocks = [windows(run.astype(float), delays) for run in data]
    before, after = (np.concatenate([block[part] for block in blocks]).T for part in (np.s_[:-1], np.s_[1:]))
    left, values, right = np.linalg.svd(before, full_matrices=False)
    return np.linalg.eigvals(left[:, :rank].T @ after @ (right[:rank].T / values[:rank]))


def main() -> None:
    rows = []
    for width, delays in ((5, 64), (10, 32), (40, 8)):
        data = training_like(width)
        fit(data[:2], svd_rank=10, delays=delays)  # first call: library loading
        times = []
        for _ in range(3):
            start = perf_counter()
            fitted = fit(data, svd_rank=10, delays=delays)
            times.append(perf_counter() - start)
        start = perf_counter()
        peer = dense(data, delays, 10)
        seconds = perf_counter() - start
        rows.append(
            {
                "width": width,
                "dimension": fitted.runs.dimension,
                "pairs": fitted.runs.pairs,
                "route": fitted.route,
                "koopflow_s": min(times),
                "dense_svd_s": seconds,
                "times_faster": seconds / min(times),
                "eigenvalue_difference": distance(fitted.eigenvalues, peer),
            }
        )
        print(pd.DataFrame(rows[-1:]).to_string(index=False), flush=True)
    table = pd.DataFrame(rows)
    Path("benchmarks/out").mkdir(parents=True, exist_ok=True)
    table.to_csv("benchmarks/out/koopman_delayed.csv", index=False)


if __name__ == "__main__":
    main()
