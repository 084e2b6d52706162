"""Speed of the episodic forecaster: a whole series, cost per forecast against memory, and an
all-pairs peer.

    python benchmarks/forecast.py [--csv ../shared/data/timeseries/ETTh1.csv --value OT]
    [--peer-every 50]

Prints three tables and writes them to benchmarks/out/forecast.csv. The peer compares every window
with every earlier one by exact matching; it is timed on every n-th origin (--peer-every 1: all of
them, about ten minutes) and its total is that mean times the origins. Both must recall the same
windows at the same distances.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from koopflow.forecast.index import SpectralIndex, embed, nearest_by_scan
from koopflow.forecast.memory import EpisodicKoopman
from koopflow.forecast.options import GateSettings, WindowSettings
from koopflow.koopman.windows import advance, fit_windows, present_states

WINDOW, DELAYS, RANK, HORIZON = 168, 48, 6, 24
WINDOWS = WindowSettings(WINDOW, DELAYS, RANK)
OUT = Path(__file__).parent / "out"


def whole_series(values: np.ndarray) -> list[tuple]:
    rows = []
    for scheme, period in (("basic", 1), ("gated", 24)):
        begun, worked = time.perf_counter(), time.process_time()
        memory = EpisodicKoopman(WINDOWS, HORIZON, scheme=scheme, gate=GateSettings(period=period)).fit(values)
        taken, worked = time.perf_counter() - begun, time.process_time() - worked
        rows.append((f"whole series, {scheme}", len(values), taken, taken / len(memory.forecasts_) * 1e3))
        print(
            f"{scheme:6s} {len(values)} samples, every one an origin: {taken:.1f} s ({worked:.1f} s of "
            f"CPU), {rows[-1][3]:.2f} ms per forecast"
        )
    return rows


def growth(points: np.ndarray, spectra) -> list[tuple]:
    rows, index, added = [], SpectralIndex(spectra), 0
    print("memory    ms per recall   exact distances per recall")
    for size in [1000, 2000, 4000, 8000, 12000, 16000, 17000]:
        if size >= len(points) - HORIZON:
            break
        while added < size:
            index.add(added, points[added])
            added += 1
        asked = np.linspace(size, len(points) - 1, 200).astype(int)
        before, begun = index.exact_distances, time.perf_counter()
        for i in asked:
            index.nearest(i, points[i], 3)
        taken = (time.perf_counter() - begun) / len(asked) * 1e3
        exact = (index.exact_distances - before) / len(asked)
        rows.append((f"recall from {size}", size, np.nan, taken))
        print(f"{size:6d} {taken:15.3f} {exact:28.1f}")
    slope = np.polyfit(np.log([row[1] for row in rows]), np.log([row[3] for row in rows]), 1)[0]
    print(f"cost per recall grows like memory^{slope:.2f}; a scan grows like memory^1")
    return [*rows, ("exponent of growth", len(points), np.nan, slope)]


def against_scan(values: np.ndarray, models, points: np.ndarray, spectra, every: int) -> list[tuple]:
    count = 10_000
    index, recalled = SpectralIndex(spectra), {}
    begun = time.perf_counter()
    for i in range(count):
        if i >= HORIZON:
            index.add(i - HORIZON, points[i - HORIZON])
        recalled[i] = index.nearest(i, points[i], 1)
    ours = time.perf_counter() - begun
    asked = np.arange(HORIZON + every // 2, count, every)
    begun = time.perf_counter()
    scanned = {i: nearest_by_scan(spectra, np.arange(i - HORIZON + 1), i, 1) for i in asked}
    peer = (time.perf_counter() - begun) / len(asked) * count
    differ = [i for i in asked if recalled[i][0][0] != scanned[i][0][0]]
    forecasts = []
    for chosen in (recalled, scanned):
        members = np.array([chosen[i][0][0] for i in asked]) + HORIZON
        states = present_states(values, asked + WINDOW - 1, DELAYS)
        forecasts.append(advance(models.take(members), states, models.mean[asked], HORIZON))
    apart = float(np.abs(forecasts[0] - forecasts[1]).max())
    print(
        f"recall over {count} windows: {ours:.1f} s with the index, {peer:.1f} s by all pairs "
        f"({len(asked)} origins timed): "
        f"{peer / ours:.0f} x; other recollections: {len(differ)}, largest difference of forecasts: {apart:g}"
    )
    return [
        ("index", count, ours, ours / count * 1e3),
        ("all pairs", count, peer, peer / count * 1e3),
        ("ratio", count, peer / ours, apart),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", default="../shared/data/timeseries/ETTh1.csv")
    parser.add_argument("--value", default="OT")
    parser.add_argument("--peer-every", type=int, default=50)
    parser.add_argument("--recall-only", action="store_true", help="leave out the forecasts of the whole series")
    options = parser.parse_args()
    values = pd.read_csv(options.csv)[options.value].to_numpy(float)[:, None]
    rows = [] if options.recall_only else whole_series(values)
    models = fit_windows(values, WINDOW, DELAYS, RANK)
    points = embed(models.eigenvalues)

    def spectra(members):
        return models.eigenvalues[members][:, None]

    rows += growth(points, spectra)
    rows += against_scan(values, models, points, spectra, options.peer_every)
    OUT.mkdir(exist_ok=True)
    pd.DataFrame(rows, columns=["what", "size", "seconds", "ms_each"]).to_csv(OUT / "forecast.csv", index=False)


if __name__ == "__main__":
    main()
