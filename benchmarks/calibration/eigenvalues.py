"""Coverage of intervals of eigenvalues, and eigenpairs of random walks that are believed.

Usage: python benchmarks/calibration/eigenvalues.py [replicates]. Systems are linear with noise in
their steps; their true eigenvalues are known.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.linalg import block_diag

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from koopflow.koopman import fit
from koopflow.koopman.intervals import eigenvalue_intervals
from koopflow.koopman.spectrum import matching
from koopflow.koopman.walks import walk_p_values

REPLICATES = 2000


def turn(modulus: float, angle: float) -> np.ndarray:
    """Return the map that turns the plane by `angle` and scales it by `modulus`."""
    return modulus * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


SYSTEMS = {
    "undamped rotation": turn(1.0, 0.3),
    "damped rotation": turn(0.95, 0.3),
    "two decays": np.diag([0.99, 0.8]),
    "rotation and decays": block_diag(turn(0.97, 0.4), 0.95, 0.6),
}
DESIGNS = ((4, 60), (8, 60), (25, 30), (1, 60), (1, 100), (1, 400))
"""Runs and states per run."""
WALKS = ((1, 100, 100, 0, 0), (1, 100, 100, 10, 0), (1, 300, 5, 5, 0), (4, 40, 60, 0, 0), (1, 60, 40, 0, 2))
"""Runs, states, parameters, size of the offset, delays."""


def noisy(system: np.ndarray, runs: int, states: int, noise: float, generator: np.random.Generator) -> np.ndarray:
    """Return runs (run, state, dimension) from random starts of size 1."""
    at = [generator.standard_normal((runs, len(system)))]
    for _ in range(states - 1):
        at.append(at[-1] @ system.T + noise * generator.standard_normal((runs, len(system))))
    return np.stack(at, axis=1)


def coverage(
    system: np.ndarray, runs: int, states: int, replicates: int, generator: np.random.Generator, noise: float = 0.2
) -> dict[str, float]:
    """Return how often 95 % intervals hold the true modulus, angle, real and imaginary part; the
    angle and imaginary part of complex eigenvalues only.
    """
    truth = np.linalg.eigvals(system)
    held: dict[str, list[float]] = {}
    for _ in range(replicates):
        fitted = fit(noisy(system, runs, states, noise, generator), svd_rank=len(system))
        interval = eigenvalue_intervals(fitted)
        i, j = matching(fitted.eigenvalues, truth)
        true = np.empty(len(truth), complex)
        true[i] = truth[j]
        turned = np.angle(true * np.exp(-1j * np.angle(fitted.eigenvalues))) + np.angle(fitted.eigenvalues)
        for name, part in (("modulus", np.abs(true)), ("angle", turned), ("real", true.real), ("imag", true.imag)):
            low, high = getattr(interval, name)
            meant = np.abs(true.imag) > 0 if name in ("angle", "imag") else np.ones(len(true), bool)
            if meant.any():
                held.setdefault(name, []).append(float(np.mean((low <= part) & (part <= high), where=meant)))
    return {name: float(np.mean(parts)) for name, parts in held.items()}


def believed(
    runs: int, states: int, width: int, offset: float, delays: int, replicates: int, generator: np.random.Generator
) -> tuple[float, float]:
    """Return the share of eigenpairs of random walks with a p-value of at most 0.05, and with a
    residual of at most 0.1.
    """
    passed, small = [], []
    for _ in range(replicates):
        steps = generator.standard_normal((runs, states, width))
        fitted = fit(
            offset * generator.standard_normal(width) + np.cumsum(steps, axis=1), svd_rank=min(10, width), delays=delays
        )
        passed.append(np.mean(walk_p_values(fitted, generator) <= 0.05))
        small.append(np.mean(fitted.residuals <= 0.1))
    return float(np.mean(passed)), float(np.mean(small))


def main() -> None:
    replicates = int(sys.argv[1]) if len(sys.argv) > 1 else REPLICATES
    print("share of 95 % intervals that hold the true value")
    for name, system in SYSTEMS.items():
        for runs, states in DESIGNS:
            found = coverage(system, runs, states, replicates, np.random.default_rng(0))
            shares = "  ".join(f"{part} {share:.3f}" for part, share in found.items())
            print(f"{name:22} {runs:3} runs of {states:3} states: {shares}", flush=True)
    print("\nshare of the eigenpairs of random walks with p <= 0.05 (and, for comparison, with a residual <= 0.1)")
    for design in WALKS:
        passed, small = believed(*design, max(1, replicates // 10), np.random.default_rng(0))
        runs, states, width, offset, delays = design
        design = f"{runs} x {states} states of {width} parameters, offset {offset}, {delays} delays"
        print(f"{design}: {passed:.3f} ({small:.3f})", flush=True)


if __name__ == "__main__":
    main()
