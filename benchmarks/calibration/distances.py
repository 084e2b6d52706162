"""False positives and power of the distances that comparisons offer, on the same simulations.

Usage: python benchmarks/calibration/distances.py [replicates]. Each replicate fits eight seeds of
each of two noisy linear processes and asks the permutation test, which is exact for any distance,
and the interval of the excess.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.calibration.processes import fits, linear_map
from koopflow.equivalence.alternatives import DISTANCES, matrix_of
from koopflow.equivalence.comparison import Comparison, compare

REPLICATES, SEEDS = 400, 8
SLOW = (0.95, 0.80, 0.70)


def main(replicates: int) -> None:
    """Print one line for each process and distance."""
    generator = np.random.default_rng(0)
    for slow in SLOW:
        found: dict[str, list[Comparison]] = {kind: [] for kind in DISTANCES}
        for _ in range(replicates):
            both = {"first": fits(linear_map(), SEEDS, generator), "second": fits(linear_map(slow), SEEDS, generator)}
            spectra = {name: [one.eigenvalues for one in own] for name, own in both.items()}
            operators = {name: [one.operator for one in own] for name, own in both.items()}
            for kind, results in found.items():
                results.append(compare(matrix_of(kind, spectra, operators), SEEDS, generator))
        for kind, results in found.items():
            rejected = np.mean([one.p <= 0.05 for one in results])
            above = np.mean([one.low > 0 for one in results])
            excess = np.median([one.excess for one in results])
            print(
                f"0.95 and {slow:.2f}  {kind:12}  median excess {excess:6.3f}  p <= 0.05 in {rejected:.3f}  "
                f"interval above 0 in {above:.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else REPLICATES)
