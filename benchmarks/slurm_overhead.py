"""What SLURM costs: the smoke study through sbatch on a one-machine SLURM, beside the same study
run by Snakemake alone.

The same cores, one after the other, both from nothing. On a cluster the waiting in its queue comes
on top; here there is none. A job costs some seconds inside SLURM (Snakemake starts twice more in
it) and some until its end is noticed, whatever it computes, so the ratio is large for a study of
seconds and small for one of hours: the last line gives the cost of a job.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.cluster.slurm import missing, one_machine  # noqa: E402
from tests.house import copy_of_the_house  # noqa: E402


def timed(house: Path, environment: dict, *options: str) -> float:
    """Run the smoke study in a fresh copy of the repository; return its seconds."""
    copy_of_the_house(house)
    command = [sys.executable, "-m", "snakemake", "all", "--configfile", "config/smoke.yaml", *options]
    started = time.perf_counter()
    subprocess.run(command, cwd=house, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Time both and print the ratio."""
    if absent := missing():
        sys.exit(f"not installed: {', '.join(absent)} (Debian: apt-get install slurm-wlm munge)")
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="slurm-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # munge wants its socket's folders open to all
        (folder / "slurm").mkdir()
        alone = timed(folder / "alone", dict(os.environ), "--cores", str(cores))
        with one_machine(folder / "slurm", cores) as environment:
            through = timed(folder / "through", environment, "--profile", "profiles/slurm")
            told = subprocess.run(
                ["squeue", "--states=all", "--noheader"], env=environment, capture_output=True, text=True
            ).stdout
    jobs = len(told.splitlines())
    print(f"cores: {cores}")
    print(f"Snakemake alone:            {alone:6.1f} s")
    print(f"through SLURM, {jobs:3d} jobs:    {through:6.1f} s, {through / alone:.2f} times as long")
    print(f"for each job and core:      {(through - alone) * cores / jobs:6.1f} s")


if __name__ == "__main__":
    main()
