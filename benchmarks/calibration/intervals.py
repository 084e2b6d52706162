"""Coverage of prediction intervals at 50, 80, 90 and 95 %, on simulated series.

Usage: python benchmarks/calibration/intervals.py [replicates]. Autoregressions, growing errors,
seasons, and short series with a trend, each by a few methods; the share of truths inside, over all
origins and steps, and how often a half-width is below that of the step before.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from koopflow.config.series import SeriesSettings
from koopflow.data.series.held import as_series
from koopflow.forecast.evaluate import evaluate
from koopflow.forecast.protocol import all_named

REPLICATES, HORIZON = 40, 8
METHODS = ("persistence", "sliding", "gated")
LEVELS = (0.5, 0.8, 0.9, 0.95)


def main(replicates: int) -> None:
    """Print one line for each kind of series and method."""
    generator = np.random.default_rng(0)
    for name, draw in KINDS.items():
        held = {method: [] for method in METHODS}
        shrinks = {method: [] for method in METHODS}
        for _ in range(replicates):
            found = evaluate(
                as_series(draw(generator), period=1), SeriesSettings(horizon=HORIZON), all_named(METHODS)
            ).predictions
            for method, part in found.groupby("method"):
                held[method].append(part["band"].dropna().to_numpy())
                widths = (part["upper"] - part["lower"]).to_numpy().reshape(-1, HORIZON)
                widths = widths[np.isfinite(widths).all(axis=1)]
                shrinks[method].append((np.diff(widths, axis=1) < -1e-9).mean() if len(widths) else np.nan)
        for method in METHODS:
            band = np.concatenate(held[method])
            covered = "  ".join(f"{level:.2f}: {np.mean(band <= level + 1e-9):.3f}" for level in LEVELS)
            print(
                f"{name:24} {method:12} {covered}  narrower than the step before {np.nanmean(shrinks[method]):.2f}",
                flush=True,
            )


def autoregression(generator: np.random.Generator) -> np.ndarray:
    """Return 300 samples with memory 0.8."""
    return lfilter([1.0], [1.0, -0.8], generator.standard_normal(500))[200:]


def growing(generator: np.random.Generator) -> np.ndarray:
    """Return a random walk whose steps grow sevenfold."""
    return np.cumsum(np.linspace(1, 7, 300) * generator.standard_normal(300))


def seasonal(generator: np.random.Generator) -> np.ndarray:
    """Return a season of 12 with noise."""
    return 3 * np.sin(2 * np.pi * np.arange(300) / 12) + generator.standard_normal(300)


def short_trend(generator: np.random.Generator) -> np.ndarray:
    """Return 80 samples of a random walk with a trend."""
    return np.cumsum(0.5 + generator.standard_normal(80))


KINDS = {
    "autoregression": autoregression,
    "growing errors": growing,
    "a season": seasonal,
    "short, with a trend": short_trend,
}

if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else REPLICATES)
