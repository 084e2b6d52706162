"""Ratios of processor time, all methods in one process, taking turns: single against double
precision, few directions against scikit-learn's randomized SVD at equal error, and many delays
against their lag products.

Usage: python benchmarks/koopman_precision.py [size], where a size of 0.1 takes a tenth of the
parameters or steps. Each ratio is one of minima over the turns, on one BLAS thread; the load of the
machine is printed beside it.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from koopflow.koopman import fit
from koopflow.koopman.lags import lag_products
from koopflow.koopman.memory import ArrayRuns
from koopflow.koopman.reduce import reduce_states

TURNS, RANK = 3, 10


def minima(methods: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the least processor time of each method over the turns, seconds."""
    best = dict.fromkeys(methods, np.inf)
    for _ in range(TURNS):
        for name, method in methods.items():
            start = process_time()
            method()
            best[name] = min(best[name], process_time() - start)
    return best


def falling(states: int, parameters: int, fall: float) -> np.ndarray:
    """Return states of twenty rotations of falling sizes around an offset, float32 (state,
    parameter)."""
    generator, time = np.random.default_rng(0), np.arange(states)[:, None]
    waves = fall ** np.arange(20) * np.cos((0.01 + 0.03 * np.arange(20)) * time + np.arange(20))
    out = waves.astype(np.float32) @ generator.standard_normal((20, parameters), np.float32)
    out += 5 * generator.standard_normal(parameters, np.float32)
    for row in out:
        row += np.float32(0.02) * generator.standard_normal(parameters, np.float32)
    return out


def few_steps(size: float) -> str:
    """Return the ratio of single to double precision for 10^7 parameters and 50 steps."""
    data = falling(50, int(1e7 * size), 0.7)
    times = minima({name: lambda name=name: fit(data, svd_rank=5, precision=name) for name in ("double", "single")})
    return f"{data.shape[1]:,} parameters x 50 steps: single {times['single'] / times['double']:.2f} x double"


def many_steps(size: float, fall: float) -> str:
    """Return the ratio of single precision to scikit-learn's randomized SVD with the fewest
    iterations that err no more, for 2,000 parameters and 20,000 steps.
    """
    data = falling(int(20_000 * size), 2000, fall)
    before = data[:-1].astype(float)
    exact = np.linalg.eigh(before.T @ before)[1][:, : -RANK - 1 : -1]
    found: dict[str, np.ndarray] = {}

    def ours(precision: str) -> None:
        found[precision] = reduce_states(ArrayRuns([data], 0), RANK, "auto", precision).basis

    def theirs(iterations: int) -> None:
        found[str(iterations)] = randomized_svd(data[:-1], RANK, n_iter=iterations, random_state=0)[2].T

    counts = (1, 2, 3, 4, 5, 7)
    times = minima(
        {name: lambda name=name: ours(name) for name in ("double", "single")}
        | {str(count): lambda count=count: theirs(count) for count in counts}
    )
    errors = {name: np.linalg.norm(basis - exact @ (exact.T @ basis), axis=0).max() for name, basis in found.items()}
    equal = next((str(count) for count in counts if errors[str(count)] <= 1.5 * errors["single"]), str(counts[-1]))
    return (
        f"2,000 parameters x {len(data):,} steps, fall {fall}: single (error {errors['single']:.0e}) "
        f"{times['single'] / times['double']:.2f} x double, {times['single'] / times[equal]:.2f} x randomized SVD with "
        f"{equal} iterations (error {errors[equal]:.0e})"
    )


def many_delays(size: float) -> str:
    """Return the ratio of a fit to its lag products for 10 parameters, 10^6 steps and 32 delays."""
    generator, time = np.random.default_rng(0), np.arange(int(1e6 * size))[:, None]
    data = np.cos(0.01 * np.arange(1, 11) * time) @ generator.standard_normal((10, 10))
    data += 0.1 * generator.standard_normal(data.shape)
    times = minima(
        {
            "fit": lambda: fit(data, svd_rank=RANK, delays=32),
            "lags": lambda: lag_products(ArrayRuns([data], 32)),
        }
    )
    return f"10 parameters x {len(data):,} steps, 32 delays: {times['fit'] / times['lags']:.2f} x the lag products"


@threadpool_limits.wrap(limits=1, user_api="blas")
def main() -> None:
    size = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    for line in (few_steps(size), many_steps(size, 0.7), many_steps(size, 0.9), many_delays(size)):
        print(f"{line} (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors)", flush=True)


if __name__ == "__main__":
    main()
