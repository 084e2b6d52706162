"""How often a season is found where there is none, where there is one, and where there are two.

Usage: python benchmarks/calibration/seasons.py [replicates]. Monthly series of 60 and 240 early samples:
white noise, autoregressions, random walks, and a cycle of 132 months, which must not be taken for a
season of 12; then seasons as strong as the noise. Hourly series of six weeks: a day, and a day with
other weekends.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from koopflow.data.series.season import infer_period, infer_seasons

REPLICATES = 400


def main(replicates: int) -> None:
    """Print one line for each kind of series."""
    generator = np.random.default_rng(0)
    for count in (60, 240):
        for name, made in monthly(generator, count, replicates).items():
            found = np.mean([infer_period(each, "month") == 12 for each in made])
            print(f"{count:4} months, {name:24} season of 12 in {found:.3f}", flush=True)
    time = np.arange(6 * 168)
    day = np.sqrt(2) * np.sin(2 * np.pi * time / 24)
    week = day * (0.25 + (time // 24 % 7 < 5))
    for name, shape in (("a day", day), ("a day with other weekends", week)):
        found = []
        for _ in range(max(1, replicates // 4)):
            values = shape + noise(generator, len(time), 0.7)
            found.append(infer_seasons(values, "hour", infer_period(values, "hour")))
        both, one = (np.mean([each == seasons for each in found]) for seasons in ((24, 168), (24,)))
        print(f"six weeks of hours, {name:26} 24 and 168 in {both:.3f}, 24 alone in {one:.3f}", flush=True)


def monthly(generator: np.random.Generator, count: int, replicates: int) -> dict[str, np.ndarray]:
    """Return series (replicates, count) of each kind."""
    time = np.arange(count)
    season, cycle = np.sqrt(2) * np.sin(2 * np.pi * time / 12), 3 * np.sin(2 * np.pi * time / 132)
    rough, smooth, slow = (
        np.stack([noise(generator, count, memory) for _ in range(replicates)]) for memory in (0.0, 0.7, 0.95)
    )
    return {
        "white noise": rough,
        "autoregression 0.7": smooth,
        "autoregression 0.95": slow,
        "random walk": np.cumsum(rough, axis=1),
        "a cycle of 132": cycle + smooth,
        "a season of 12": season + rough,
        "season, autoregression": season + smooth,
    }


def noise(generator: np.random.Generator, count: int, memory: float) -> np.ndarray:
    """Return an autoregression with standard deviation 1."""
    shocks = generator.standard_normal(count + 200) * np.sqrt(1 - memory**2)
    return lfilter([1.0], [1.0, -memory], shocks)[200:]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else REPLICATES)
