"""A few leading eigenvectors of Gram matrices: block Lanczos of this library against ARPACK
(scipy's eigsh).

Usage: python benchmarks/koopman_eigen.py. The matrices are `lag_gram` of the width study at several
numbers of delays. Both solvers take turns on one BLAS thread; times are medians of the turns,
ratios are times of Lanczos over times of eigsh.
"""

import sys
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import pandas as pd
from scipy.sparse.linalg import eigsh
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from koopflow.koopman.lanczos import leading

from benchmarks.koopman_delayed import training_like
from koopflow.koopman.gram import lag_gram
from koopflow.koopman.memory import ArrayRuns

TURNS, WANTED = 9, 10
SIZES = ((5, 5), (5, 8), (5, 17), (10, 8), (5, 35), (10, 17), (40, 3), (10, 26), (40, 5), (40, 8))
"""Width and delays; n is 10 * width * (delays + 1)."""


@threadpool_limits.wrap(limits=1, user_api="blas")
def arpack(matrix: np.ndarray, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the leading eigenpairs, falling, one more than wanted: the gap behind the wanted ones
    is needed.
    """
    values, vectors = eigsh(matrix, wanted + 1, v0=np.ones(len(matrix)))
    return values[::-1], vectors[:, ::-1]


def seconds(solve, matrix: np.ndarray) -> float:
    """Return the time of one call."""
    start = perf_counter()
    solve(matrix, WANTED)
    return perf_counter() - start


def angle(a: np.ndarray, b: np.ndarray) -> float:
    """Return the sine of the largest angle between the spans of two orthonormal bases (n, k)."""
    return float(np.linalg.norm(a - b @ (b.T @ a), 2))


def main() -> None:
    rows = []
    for width, delays in SIZES:
        data = training_like(width, runs=4, steps=max(600, 12 * width * (delays + 1) // 4))
        matrix = lag_gram(ArrayRuns(list(data), delays))
        exact = np.linalg.eigh(matrix)[1][:, ::-1][:, :WANTED]
        ours, theirs = [], []
        for _ in range(TURNS):
            ours.append(seconds(leading, matrix))
            theirs.append(seconds(arpack, matrix))
        rows.append(
            {
                "n": len(matrix),
                "lanczos_ms": 1e3 * median(ours),
                "eigsh_ms": 1e3 * median(theirs),
                "ratio": median(a / b for a, b in zip(ours, theirs)),
                "lanczos_angle": angle(leading(matrix, WANTED)[1][:, :WANTED], exact),
                "eigsh_angle": angle(arpack(matrix, WANTED)[1][:, :WANTED], exact),
            }
        )
        print(pd.DataFrame(rows[-1:]).to_string(index=False, header=len(rows) == 1, float_format="%.3g"), flush=True)


if __name__ == "__main__":
    main()
