"""Kill a run again and again, go on with the same command, and compare its results with those of a
run that nobody touched.

``make soak`` does it with the default study; ``python -m tests.robustness.soak --config
config/smoke.yaml --kills 5`` with a smaller one. Each kill comes at a random moment after a given
share of the jobs is done, so that all stages are met. Three kinds take turns: the whole process
group at once (kill -9), one running job alone (kill -9; its run ends, as the user sees it), and
SIGTERM to the group, as a cluster sends it, which must be over within ten seconds.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.barrier import PATIENCE
from tests.house import copy_of_the_house, digests, jobs_in, processes_in, start

KINDS = ("group", "job", "term")
TERM_SECONDS = 10.0
LINGER_SECONDS = (
    0.4  # mean time from the share of jobs to the kill: short beside the shortest jobs, or the last are over before it
)

# Share of the jobs done by which the last kill has come: hardly anything runs at the end that could
# be killed.
LAST = 0.9


@dataclass
class Kill:
    """One interruption: its kind, the rules that were running, the share of jobs done before it,
    and how long the run took to be gone."""

    kind: str
    running: list[str]
    done: float
    seconds: float


def done_jobs(log: Path) -> tuple[int, int]:
    """Return how many jobs of how many the last run in `log` has finished, as Snakemake says it."""
    found = re.findall(r"(\d+) of (\d+) steps \(\d+%\) done", log.read_text(errors="replace")) if log.exists() else []
    return (int(found[-1][0]), int(found[-1][1])) if found else (0, 0)


def run_to_end(folder: Path, arguments: list[str], cores: int, log: Path) -> float:
    """Run the command to its end; return its seconds."""
    begun = time.monotonic()
    with log.open("w") as output:
        run = start(folder, *arguments, cores=cores, output=output)
        if run.wait() != 0:
            sys.exit(f"soak: the run failed; see {log}\n{log.read_text()[-3000:]}")
    return time.monotonic() - begun


def interrupt(
    folder: Path, arguments: list[str], cores: int, log: Path, share: float, total: int, kind: str, chance
) -> Kill | None:
    """Start the command, wait until `share` of all `total` jobs is done and a random moment more,
    interrupt it; None if it ended before."""
    with log.open("w") as output:
        run = start(folder, *arguments, cores=cores, output=output)
        moment = None
        while run.poll() is None:
            finished, planned = done_jobs(log)
            reached = total - planned + finished if planned else 0
            if moment is None and reached >= share * total and jobs_in(folder):
                moment = time.monotonic() + chance.expovariate(1 / LINGER_SECONDS)
            if moment is not None and time.monotonic() >= moment and (running := jobs_in(folder)):
                break
            time.sleep(0.02)
        else:
            if run.returncode != 0:
                sys.exit(f"soak: the run failed before it was interrupted; see {log}\n{log.read_text()[-3000:]}")
            return None
        return Kill(
            kind, sorted(running.values()), reached / total, stop(run, folder, kind, chance.choice(sorted(running)))
        )


def stop(run: subprocess.Popen, folder: Path, kind: str, job: int) -> float:
    """Interrupt the run in `folder`, or its job of this process id; return the seconds until it is gone."""
    begun = time.monotonic()
    try:
        if kind == "job":
            os.kill(job, signal.SIGKILL)
        else:
            os.killpg(run.pid, signal.SIGKILL if kind == "group" else signal.SIGTERM)
    except ProcessLookupError:  # it ended in this very moment
        pass
    run.wait()
    while processes_in(folder):
        time.sleep(0.02)
        if time.monotonic() - begun > PATIENCE:
            sys.exit(f"soak: still running {PATIENCE} s after {kind}: {processes_in(folder)}")
    return time.monotonic() - begun


def soak(
    arguments: list[str],
    kills: int,
    cores: int,
    seed: int,
    folder: Path,
    say=print,
) -> list[Kill]:
    """Do it all in `folder`; return the kills. Ends the program with a line where results differ or
    SIGTERM takes too long."""
    chance = random.Random(seed)
    killed = copy_of_the_house(folder / "killed")
    calm = copy_of_the_house(folder / "calm")
    say(f"undisturbed: {run_to_end(calm, arguments, cores, calm / 'out.log'):.0f} s")
    total = done_jobs(calm / "out.log")[1]
    found: list[Kill] = []
    begun = time.monotonic()
    for number in range(kills):
        share, kind = LAST * (number + 0.5 * chance.random()) / kills, KINDS[number % len(KINDS)]
        kill = interrupt(killed, arguments, cores, folder / f"kill-{number:02d}.log", share, total, kind, chance)
        if kill is None:
            say(f"kill {number + 1}: the run ended before it")
            break
        say(
            f"kill {number + 1} of {kills} ({kill.kind}) at {100 * kill.done:.0f} % while "
            f"{', '.join(kill.running)}; gone in {kill.seconds:.1f} s"
        )
        found.append(kill)
    run_to_end(killed, arguments, cores, folder / "last.log")
    total_seconds = time.monotonic() - begun
    expected, now = digests(calm / "results"), digests(killed / "results")
    differing = sorted(name for name in {*expected, *now} if expected.get(name) != now.get(name))
    stages = Counter(rule for kill in found for rule in kill.running)
    slow = max((kill.seconds for kill in found if kill.kind == "term"), default=0.0)
    say(f"{len(found)} kills survived; running when killed: {dict(stages.most_common())}")
    say(f"{total} jobs, {total_seconds:.0f} s in all with every kill and every start")
    say(f"SIGTERM at most {slow:.1f} s; {len(expected)} results compared, {len(differing)} differ")
    (folder / "kills.json").write_text(json.dumps([asdict(kill) for kill in found], indent=1))
    if differing:
        sys.exit(f"soak: results differ after interruptions: {', '.join(differing[:10])}")
    if slow > TERM_SECONDS:
        sys.exit(f"soak: a run took {slow:.1f} s to stop after SIGTERM; at most {TERM_SECONDS:g} s are allowed")
    return found


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.robustness.soak", description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--config", help="a config file, relative to the repository (default: the default study)")
    parser.add_argument("--target", default="all")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--folder", help="where to work; kept afterwards (default: a temporary folder, removed when all is well)"
    )
    asked = parser.parse_args()
    folder = Path(asked.folder or tempfile.mkdtemp(prefix="koopflow-soak-"))
    arguments = [asked.target, *(["--configfile", asked.config] if asked.config else [])]
    soak(
        arguments,
        asked.kills,
        asked.cores,
        asked.seed,
        folder,
        say=lambda line: print(f"{time.strftime('%H:%M:%S')} {line}", flush=True),
    )
    if not asked.folder:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
