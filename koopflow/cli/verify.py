"""Reads every file in a results folder and names those that are damaged: ``koopflow verify
results``.

Trajectories, parquet tables, checkpoints and npz files hold checksums. Other files (CSV, JSON,
figures) are compared with the checksum in the log of the job that made them, and with the checksum
that Snakemake recorded when a later step read them.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from koopflow.cli import provenance
from koopflow.core.errors import KoopflowError
from koopflow.io import npz
from koopflow.io.checksums import checksum
from koopflow.io.pdf import verify as verify_pdf
from koopflow.io.tables import read_csv, read_parquet


def trajectory(path: Path) -> None:
    """Read a whole trajectory, NaN of diverged replicas included."""
    from koopflow.trajectory import Trajectory

    with Trajectory(path) as opened:
        for _ in opened.blocks(check=False):
            pass


def checkpoint(path: Path) -> None:
    """Read a training checkpoint."""
    from koopflow.training.checkpoint import read

    read(path)


def tensors(path: Path) -> None:
    """Read a .safetensors file."""
    from safetensors.numpy import load_file

    load_file(path)


def png(path: Path) -> None:
    """Compare the checksums of a PNG's chunks."""
    from PIL import Image

    with Image.open(path) as image:
        image.verify()


def pdf(path: Path) -> None:
    """Verify the objects and streams of a PDF."""
    verify_pdf(path.read_bytes())


def text(path: Path) -> None:
    """Read a text file."""
    path.read_text(encoding="utf-8")


READERS: dict[str, Callable[[Path], object]] = {
    ".h5": trajectory,
    ".pt": checkpoint,
    ".npz": npz.read,
    ".parquet": read_parquet,
    ".csv": read_csv,
    ".json": lambda path: json.loads(path.read_text(encoding="utf-8")),
    ".safetensors": tensors,
    ".png": png,
    ".pdf": pdf,
    ".rst": text,
    ".html": text,
    ".md": text,
}


def examine(folder: str | Path) -> Iterator[tuple[Path, str]]:
    """Yield every file under `folder` with one line that says what is wrong with it, empty if it is
    intact.

    Unfinished files (.partial) are left out. Records and logs are found only from the folder where
    the run was started.

    Raises
    ------
    KoopflowError
        If there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise KoopflowError(f"{folder}: no such folder")
    changed = _changed(folder)
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".partial"):
        reader, wrong = READERS.get(path.suffix), changed.get(os.path.relpath(path), "")
        try:
            if reader is not None:
                reader(path)
        except KoopflowError as error:
            wrong = str(error)
        except Exception as error:  # PIL, zlib and safetensors each raise their own
            wrong = f"{path}: damaged ({' '.join(str(error).split())[:200] or type(error).__name__}); {npz.REMEDY}"
        yield path, wrong


def _changed(folder: Path) -> dict[str, str]:
    """Return the files under `folder` that changed since their job made them, or since a later job
    read them."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        # A record has the name that the run gave the file, which is absolute where `results:` is.
        names = (os.path.relpath(path), str(path.absolute()))
        for name, step in ((name, step) for name in names if (step := provenance.read_step(name)) is not None):
            for used in step.changed:
                if Path(used).is_file() and folder.absolute() in Path(used).absolute().parents:
                    found[os.path.relpath(used)] = (
                        f"{used}: changed since {step.rule} made {name} from it; {npz.REMEDY}"
                    )
            if name in step.sums and checksum(path) != step.sums[name]:
                found[os.path.relpath(path)] = f"{path}: changed since {step.rule} made it; {npz.REMEDY}"
            break
    return found


def main(words: list[str] | None = None) -> None:
    """Read the command line; print the damaged files and a summary; exit with status 1 if there are
    any."""
    parser = argparse.ArgumentParser(prog="koopflow verify", description=__doc__)
    parser.add_argument("folder", nargs="?", default="results", help="a results folder (default: results)")
    parser.add_argument(
        "--upgrade",
        metavar="FILE",
        help="add the missing checksums to a trajectory of an older format version, or to one that you changed",
    )
    asked = parser.parse_args(words)
    try:
        if asked.upgrade:
            from koopflow.trajectory.checksums import upgrade

            upgrade(asked.upgrade)
            trajectory(Path(asked.upgrade))
            print(f"{asked.upgrade}: intact, and has checksums now")
            return
        found = list(examine(asked.folder))
    except KoopflowError as error:
        sys.exit(f"koopflow: {error}")
    wrong = [line for _, line in found if line]
    for line in wrong:
        print(f"koopflow: {line}", file=sys.stderr)
    unread = sum(path.suffix not in READERS for path, _ in found)
    print(
        f"{asked.folder}: {len(found)} files, {len(wrong)} damaged"
        + (f", {unread} of a kind that cannot be checked" if unread else "")
    )
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
