"""Say how much disk an installation takes, and stop one that cannot fit.

    python envs/disk.py VENV [cpu]

pip itself runs out of disk after minutes, and says so below a hundred other lines.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

NEEDS = {"cuda": (7.3, 3.3), "cpu": (2.5, 0.5)}
"""GB of the environment with the packages of requirements-dev.txt, and of their wheels: measured on
Linux with Python 3.11, without CUDA added up from their sizes and those of torch 2.13.0+cpu."""


def size(folder: str) -> float:
    """Return the GB of all files in `folder`, 0 where there is none."""
    return (
        sum(os.lstat(os.path.join(place, name)).st_size for place, _, names in os.walk(folder) for name in names) / 1e9
    )


def main(venv: str, build: str) -> None:
    """Print one line about the environment `venv`, which is not installed yet; stop where it cannot fit."""
    environment, wheels = NEEDS[build]
    cache = os.environ.get("PIP_CACHE_DIR") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "pip"
    )
    # What an installation that was stopped has left is there already; pip keeps all wheels until it ends.
    places = {venv: environment - size(venv), tempfile.gettempdir(): wheels}
    if not os.environ.get("PIP_NO_CACHE_DIR"):
        places[cache] = wheels - size(cache)
    disks: dict[int, tuple[str, float, float]] = {}
    for place, need in places.items():
        folder = next(each for each in (Path(place).absolute(), *Path(place).absolute().parents) if each.exists())
        device = folder.stat().st_dev
        name, free, taken = disks.get(device, (place, shutil.disk_usage(folder).free / 1e9, 0.0))
        disks[device] = (name, free, taken + max(0.0, need))
    more = " and ".join(f"{wheels} GB in {place}" for place in list(places)[1:])
    line = f"{venv} takes {environment} GB, its installation {more}; free: " + ", ".join(
        f"{free:.1f} GB at {name}" for name, free, _ in disks.values()
    )
    if all(free >= need for _, free, need in disks.values()):
        print(line)
        return
    remedies = ["free space", "another disk (VENV=/disk/venv TMPDIR=/disk)"]
    if cache in places:
        remedies.append("PIP_NO_CACHE_DIR=1")
    if build == "cuda":
        remedies.append(f"CPU=1 ({NEEDS['cpu'][0]} GB, without CUDA)")
    sys.exit(f"koopflow: {line}: not enough; what helps: {', '.join(remedies)}")


if __name__ == "__main__":
    main(sys.argv[1], "cpu" if sys.argv[2:] or sys.platform != "linux" else "cuda")
