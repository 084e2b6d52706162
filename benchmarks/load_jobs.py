"""A study of thousands of tiny jobs: how long it takes to plan, and how much memory the scheduler
needs while it runs.

``python benchmarks/load_jobs.py`` plans 2,000 jobs and runs the first of them; ``--run all`` runs
every one (an hour on two cores: each is a process of its own that imports torch). Nothing is
compared with a peer: the planning is Snakemake's, and the question is what this workflow's checks,
checksums of inputs and functions of wildcards add up to.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.house import command, copy_of_the_house, processes_in


def study(jobs: int) -> dict:
    """Return a config of about `jobs` jobs: every set-up is a training and a fit."""
    setups = {
        f"setup-{number:04d}": {"optimizer": {"learning_rate": 0.01 + 0.0001 * number}} for number in range(jobs // 2)
    }
    training = {"seeds": 2, "copies": 1, "shuffles": 1, "setups": setups, "comparisons": {"first": list(setups)[:2]}}
    training["shared_job"] = 0
    training["base"] = {"steps": 10, "batch_size": 20, "koopman": {"delays": 0, "rank": 2}}
    return {
        "threads": 1,
        "data": {"digits": {"source": "digits", "train_size": 100}},
        "equivalence": {"training": training},
    }


def memory(folder: Path) -> dict[str, float]:
    """Return the resident megabytes of the scheduler and of all processes of the run together."""
    sizes = {}
    for pid, words in processes_in(folder).items():
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        resident = [int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS")]
        sizes[pid] = (resident[0] if resident else 0.0, "--cores" in words)
    scheduler = max((size for size, main in sizes.values() if main), default=0.0)
    return {"scheduler": scheduler, "all": sum(size for size, _ in sizes.values())}


def main() -> None:
    """Plan, run, report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--run", default="20", help="how many set-ups to run to their end: a number, or all")
    parser.add_argument("--cores", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = copy_of_the_house(Path(scratch) / "house")
        (folder / "mine.yaml").write_text(yaml.safe_dump(study(asked.jobs)))
        words = command("equivalence", "--configfile", "mine.yaml", cores=asked.cores)
        begun = time.monotonic()
        plan = subprocess.run([*words, "--dry-run", "--quiet", "all"], cwd=folder, capture_output=True, text=True)
        planned, spent = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
        if plan.returncode:
            sys.exit(plan.stderr[-2000:])
        print(
            f"planning {asked.jobs} jobs: {planned:.1f} s, of which {spent.ru_utime + spent.ru_stime:.1f} "
            "s of processor"
        )
        if asked.run != "all":
            targets = [
                f"results/equivalence/training/setup-{number:04d}/eigenvalues.csv" for number in range(int(asked.run))
            ]
            words = command(*targets, "--configfile", "mine.yaml", cores=asked.cores)
        begun, largest, seen = time.monotonic(), {"scheduler": 0.0, "all": 0.0}, []
        with (folder / "out.log").open("w") as output:
            run = subprocess.Popen(words, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
            while run.poll() is None:
                now = memory(folder)
                largest = {name: max(largest[name], now[name]) for name in largest}
                seen.append((round(time.monotonic() - begun, 1), round(now["scheduler"], 1)))
                time.sleep(1.0)
        if run.returncode:
            sys.exit((folder / "out.log").read_text()[-2000:])
        seconds = time.monotonic() - begun
        done = len(list(folder.glob("results/equivalence/training/*/eigenvalues.csv")))
        print(
            f"{2 * done} training and fitting jobs in {seconds:.0f} s on {asked.cores} cores: "
            f"{seconds / (2 * done):.2f} s a job"
        )
        print(f"memory at most: scheduler {largest['scheduler']:.0f} MB, everything together {largest['all']:.0f} MB")
        middle = seen[len(seen) // 2][1]
        print(json.dumps({"scheduler at half time": middle, "at the end": seen[-2][1] if len(seen) > 1 else None}))


if __name__ == "__main__":
    main()
