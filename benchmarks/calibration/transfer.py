"""Coverage of the intervals of predicted transfer on tasks that the calibration has not seen.

Usage: python benchmarks/calibration/transfer.py [replicates]. The share of a ticket's gain is linear
in a score, with effects of the ticket's task and of the target, and errors of single pairs.
"""

import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from koopflow.tickets.predictors.calibration import calibrate

REPLICATES, TASKS, LEVEL = 400, (13, 7), 0.9
SPREADS = ((0.1, 0.1, 0.1), (0.0, 0.2, 0.05), (0.02, 0.02, 0.2), (0.15, 0.0, 0.1))
"""Standard deviations of the effects of sources, of targets, and of the errors of pairs."""
Draw = Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.float64]]
ERRORS: dict[str, Draw] = {
    "normal": lambda generator, shape: generator.normal(size=shape),
    "Student, 5 degrees": lambda generator, shape: generator.standard_t(5, size=shape) / np.sqrt(5 / 3),
    "uniform": lambda generator, shape: generator.uniform(-np.sqrt(3), np.sqrt(3), size=shape),
    "exponential": lambda generator, shape: generator.exponential(size=shape) - 1,
}


def pairs(generator: np.random.Generator, spreads: tuple[float, float, float], draw: Draw, tasks: int) -> pd.DataFrame:
    """Return all ordered pairs of one task more than the `tasks` of the calibration."""
    count = tasks + 1
    parts = [generator.normal(size=shape) for shape in ((count, count), (count, 1), (1, count))]
    score = 0.5 * (parts[0] + parts[1] + parts[2])
    of_source, of_target, error = (
        spread * draw(generator, shape) for spread, shape in zip(spreads, ((count, 1), (1, count), (count, count)))
    )
    share = 0.4 + 0.3 * score + of_source + of_target + error
    source, target = np.nonzero(~np.eye(count, dtype=bool))
    return pd.DataFrame(
        {"source": source, "target": target, "score": score[source, target], "transfer": share[source, target]}
    )


def main(replicates: int) -> None:
    """Print one line for each number of tasks, kind of error and set of spreads."""
    for tasks, (name, draw), spreads in product(TASKS, ERRORS.items(), SPREADS):
        generator, covered = np.random.default_rng(0), []
        for _ in range(replicates):
            table = pairs(generator, spreads, draw, tasks)
            new = (table["source"] == tasks) | (table["target"] == tasks)
            found = calibrate(table[~new], ["score"])
            error = found.predict(table.loc[new, ["score"]].to_numpy()) - table.loc[new, "transfer"]
            covered.append(float(np.mean(np.abs(error) <= found.half_width(LEVEL))))
        standard = np.std(covered) / np.sqrt(replicates)
        told = f"coverage {np.mean(covered):.3f} ± {standard:.3f}"
        print(f"{tasks:2} tasks  {name:20} spreads {spreads}  {told}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else REPLICATES)
