"""A trajectory of 10⁶ parameters × 2,000 steps (8 GB) recorded and fitted: seconds and peak memory
of each, in processes of their own.

The file is removed afterwards. ``--parameters`` and ``--steps`` make it smaller, ``--folder`` says
where there is room.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def record(path: Path, parameters: int, steps: int) -> None:
    """Record a known linear system: two decays and a rotation, each along a random direction,
    around a far point."""
    from koopflow.trajectory import TrajectoryWriter

    generator = np.random.default_rng(0)
    directions = generator.normal(size=(4, parameters)).astype(np.float32)
    centre = generator.normal(size=parameters).astype(np.float32)
    time_ = np.arange(steps)
    angle = 0.05 * time_
    course = np.stack([0.999**time_, 0.99**time_, 0.998**time_ * np.cos(angle), 0.998**time_ * np.sin(angle)]).astype(
        np.float32
    )
    with TrajectoryWriter(path, [("w", (parameters,))], 1, study={}, seeds=[0], steps=steps) as writer:
        for step in range(steps):
            writer.append(step, (centre + course[:, step] @ directions)[None])


def fit(path: Path) -> None:
    """Fit five modes (the centre is one, of eigenvalue 1) and compare with what was put in."""
    from koopflow.koopman.dmd import fit
    from koopflow.trajectory import Trajectory

    with Trajectory(path) as trajectory:
        found = fit(trajectory, svd_rank=5)
    expected = np.array([1.0, 0.999, 0.99, 0.998 * np.exp(0.05j), 0.998 * np.exp(-0.05j)])
    error = max(np.min(np.abs(found.eigenvalues - value)) for value in expected)
    print(f"  five eigenvalues, the farthest from the truth by {error:.1e}")


def main() -> None:
    """Run both parts as children and report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--parameters", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--folder", help="where the file may lie (default: a temporary folder)")
    parser.add_argument("--part", choices=["record", "fit"], help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        path, begun = Path(asked.folder) / "load.h5", time.monotonic()
        record(path, asked.parameters, asked.steps) if asked.part == "record" else fit(path)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{asked.part}: {time.monotonic() - begun:.0f} s, at most {peak:.0f} MB")
        return
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        print(
            f"{asked.parameters:,} parameters × {asked.steps:,} steps: "
            f"{4 * asked.parameters * asked.steps / 1e9:.1f} GB"
        )
        for part in ("record", "fit"):
            words = [
                "--part",
                part,
                "--folder",
                folder,
                "--parameters",
                str(asked.parameters),
                "--steps",
                str(asked.steps),
            ]
            subprocess.run([sys.executable, __file__, *words], check=True)


if __name__ == "__main__":
    main()
