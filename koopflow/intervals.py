"""The interval of a mean over independent seeds, the one that every stage uses."""

import numpy as np
from scipy import special


def student(values, level: float = 0.95) -> tuple[float, float, float]:
    """Return mean and Student's confidence interval of independent `values`, shape (n,); the interval is NaN for fewer than two."""
    values = np.asarray(values, dtype=float)
    mean = float(values.mean())
    if len(values) < 2:
        return mean, float("nan"), float("nan")
    half = float(special.stdtrit(len(values) - 1, 0.5 + level / 2) * values.std(ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half
