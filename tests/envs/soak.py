"""The smoke study inside the container's file tree (envs/container.sh), beside the same study outside: the same tables.

``make soak`` builds the tree in .venv-container, unless it is there, which takes root, debootstrap, and 8 GB.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.house import ROOT, command, copy_of_the_house, digests
from tests.robustness.soak import run_to_end

TREE = ROOT / ".venv-container"
WORDS = ("all", "--configfile", "config/smoke.yaml")


def tables(results: Path) -> dict[str, str]:
    """Return the checksums of the tables; pictures may differ by the fonts of a system."""
    return {name: digest for name, digest in digests(results).items() if name.endswith((".csv", ".parquet"))}


def compare(inside: Path, outside: Path, what: str) -> None:
    """Exit with a line that begins with `what` if the tables of two results folders differ."""
    found, expected = tables(inside), tables(outside)
    differing = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
    print(f"{len(expected)} tables compared, {len(differing)} differ")
    if differing or not expected:
        sys.exit(f"{what}: tables differ: {', '.join(differing)}")


def main() -> None:
    script = str(ROOT / "envs/container.sh")
    if not TREE.exists():
        subprocess.run([script, "build", str(TREE)], check=True)
    with tempfile.TemporaryDirectory(prefix="koopflow-container-") as folder:
        inside, outside = (copy_of_the_house(Path(folder, name)) for name in ("inside", "outside"))
        seconds = run_to_end(outside, [*WORDS], 2, outside / "out.log")
        begun = time.monotonic()
        subprocess.run([script, "run", str(TREE), "snakemake", *command(*WORDS)[3:]], cwd=inside, check=True)
        print(f"the smoke study took {time.monotonic() - begun:.0f} s in the container, {seconds:.0f} s outside")
        compare(inside / "results", outside / "results", "container")


if __name__ == "__main__":
    main()
