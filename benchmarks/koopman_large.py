"""272,474 parameters x 1000 steps, rank 20, ten modes: koopflow against PyDMD and a dense float64
SVD.

python benchmarks/koopman_large.py [peers]     (peers take minutes)

Every method runs in a process of its own, so that peak memory is its own.
"""

import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
OUT = Path("benchmarks/out")
PARAMETERS, STEPS, RANK = 272_474, 1000, 20


def make(path: Path, parameters: int = PARAMETERS) -> None:
    """Write a trajectory: a fixed point, ten decaying rotations of falling size, and noise of the
    weights' last digits."""
    import numpy as np

    from koopflow.trajectory import TrajectoryWriter

    generator = np.random.default_rng(0)
    angles, moduli = np.linspace(0.01, 0.6, 10), np.linspace(0.9995, 0.99, 10)
    time = np.arange(STEPS)
    waves = [np.ones(STEPS) * 10]
    for k, (angle, modulus) in enumerate(zip(angles, moduli)):
        size = 3.0 * 0.75**k
        waves += [size * modulus**time * np.cos(angle * time), size * modulus**time * np.sin(angle * time)]
    waves = np.array(waves, np.float32)
    with TrajectoryWriter(path, [("weights", (parameters,))], 1, study={}, seeds=[0], steps=STEPS) as writer:
        mixing = generator.standard_normal((len(waves), parameters), dtype=np.float32) / np.float32(30)
        for step in range(STEPS):
            noise = generator.standard_normal(parameters, dtype=np.float32)
            writer.append(step, (waves[:, step] @ mixing + np.float32(1e-4) * noise)[None], [0.0])


def peak_gb() -> float:
    """Return this process's own peak memory (what getrusage says starts at the parent's)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**20


def one(method: str, path: str) -> None:
    """Run one method and print its numbers as JSON; peak memory counts above what the imports
    took."""
    import numpy as np

    from koopflow.koopman import fit
    from koopflow.trajectory import Trajectory

    if method == "pydmd":
        from pydmd import DMD
    before = peak_gb()
    start = perf_counter()
    route = method
    if method in ("double", "single"):
        fitted = fit(Trajectory(path), svd_rank=RANK, precision=method)
        fitted.modes(range(10))
        values, route = fitted.eigenvalues, fitted.route
    elif method.startswith("floor"):
        from scipy.linalg.blas import dsyrk, ssyrk

        product, kind = (dsyrk, np.float64) if method == "floor_double" else (ssyrk, np.float32)
        block = np.zeros((STEPS, 4096), kind)
        for _block in Trajectory(path).blocks():
            pass
        for _ in range(-(-PARAMETERS // 4096)):
            product(1.0, block.T, trans=1)
        values = np.zeros(1)
    else:
        data = Trajectory(path).read()[0].T
        if method == "pydmd":
            values = DMD(svd_rank=RANK, exact=True).fit(data).eigs
        else:
            data = data.astype(float)
            left, size, right = np.linalg.svd(data[:, :-1], full_matrices=False)
            values = np.linalg.eigvals(left[:, :RANK].T @ data[:, 1:] @ (right[:RANK].T / size[:RANK]))
    seconds = perf_counter() - start
    memory = peak_gb() - before
    parts = [[value.real, value.imag] for value in np.asarray(values, complex)]
    print(json.dumps({"method": method, "route": route, "seconds": seconds, "memory_gb": memory, "values": parts}))


def main() -> None:
    import numpy as np
    import pandas as pd

    from koopflow.koopman.spectrum import matching

    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / "large.h5"
    if not path.exists():
        make(path)
    floors = ["floor_double", "floor_single"]  # reading the file once and one symmetric product of its size
    methods = ["double", "single", *floors, *(("dense", "pydmd") if "peers" in sys.argv[1:] else ("dense",))]
    rows = []
    for method in methods:
        with path.open("rb") as file:  # in memory already, for each method alike
            while file.read(16 << 20):
                pass
        done = subprocess.run(
            [sys.executable, __file__, "one", method, str(path)], capture_output=True, text=True, check=True
        )
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print({key: value for key, value in rows[-1].items() if key != "values"}, flush=True)
    spectra = {row["method"]: np.array(row.pop("values")) @ [1, 1j] for row in rows}
    table = pd.DataFrame(rows).set_index("method")
    for method in set(spectra) - set(floors):
        i, j = matching(spectra[method], spectra["dense"])
        table.loc[method, "largest_eigenvalue_difference"] = np.abs(spectra[method][i] - spectra["dense"][j]).max()
    for peer in ("pydmd", "dense"):
        if peer in table.index:
            table[f"times_{peer}"] = table.loc[peer, "seconds"] / table["seconds"]
    for precision in ("double", "single"):
        table.loc[precision, "floors"] = table.loc[precision, "seconds"] / table.loc[f"floor_{precision}", "seconds"]
    print(table.to_string())
    table.to_csv(OUT / "koopman_large.csv")


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        one(*sys.argv[2:4])
    else:
        main()
