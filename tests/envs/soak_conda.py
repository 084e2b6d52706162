"""The smoke study with ``--sdm conda`` through a real solver (tests/envs/channel.py), beside the same study in this
environment: the same tables.

``make soak`` packs the channel, half a gigabyte, in about a minute.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from tests.envs import channel
from tests.envs.conda import run_in_environments
from tests.envs.soak import WORDS, compare
from tests.house import copy_of_the_house
from tests.robustness.soak import run_to_end


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="koopflow-conda-") as name:
        folder = Path(name)
        (folder / "conda-run").mkdir()
        solved, outside = copy_of_the_house(folder / "conda-run" / "house"), copy_of_the_house(folder / "outside")
        begun = time.monotonic()
        channel.build(folder / "channels", sorted((solved / "envs").glob("*.yaml")))
        print(f"the channel took {time.monotonic() - begun:.0f} s", flush=True)
        os.environ[channel.CHANNELS] = str(folder / "channels")
        begun = time.monotonic()
        done = run_in_environments(solved, *WORDS, script=Path(channel.__file__), create=channel.create)
        if done.returncode:
            sys.exit(done.stdout[-3000:] + done.stderr[-6000:])
        made = len(list((solved / ".snakemake/conda").glob("*.yaml")))
        print(f"the smoke study took {time.monotonic() - begun:.0f} s in {made} environments", flush=True)
        run_to_end(outside, [*WORDS], 2, outside / "out.log")
        compare(solved / "results", outside / "results", "conda")


if __name__ == "__main__":
    main()
