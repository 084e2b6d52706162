"""A file several times larger than the memory allowed, and the time against the number of
parameters: python benchmarks/koopman_memory.py."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
OUT = Path("benchmarks/out")
ALLOWED = 1 << 30  # bytes of address space, libraries included
SIZES = (67_500, 270_000, 1_080_000)  # parameters; the last makes a file of 4.3 GB


def one(path: str, allowed: str) -> None:
    """Fit `path` within `allowed` bytes of address space."""
    resource.setrlimit(resource.RLIMIT_AS, (int(allowed), int(allowed)))
    from koopman_large import peak_gb

    from koopflow.koopman import fit
    from koopflow.trajectory import Trajectory

    start = perf_counter()
    fitted = fit(Trajectory(path), svd_rank=20)
    seconds = perf_counter() - start
    peak = peak_gb()
    print(json.dumps({"seconds": seconds, "peak_gb": peak, "first": [abs(value) for value in fitted.eigenvalues[:3]]}))


def main() -> None:
    import pandas as pd
    from koopman_large import make

    OUT.mkdir(parents=True, exist_ok=True)
    rows = []
    for parameters in SIZES:
        path = OUT / f"memory_{parameters}.h5"
        if not path.exists():
            make(path, parameters)
        for allowed in (ALLOWED, resource.RLIM_INFINITY):
            command = [sys.executable, __file__, "one", str(path), str(allowed)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(done.stderr[-600:])
                raise SystemExit(1)
            row = {"parameters": parameters, "file_gb": path.stat().st_size / 2**30, "held_to_1_gb": allowed == ALLOWED}
            rows.append({**row, **json.loads(done.stdout.splitlines()[-1])})
            print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    table["microseconds_per_parameter"] = 1e6 * table["seconds"] / table["parameters"]
    print(table.to_string(index=False))
    table.to_csv(OUT / "koopman_memory.csv", index=False)


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        one(*sys.argv[2:4])
    else:
        main()
