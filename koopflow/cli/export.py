"""One archive of a study, to show, keep or continue: ``koopflow export study.tar.gz``.

The archive holds tables, figures, the report, the resolved configuration (study.yaml), the
provenance of every table (provenance.txt), the record of the run (ro-crate-metadata.json in the
results), the logs and Snakemake's records. Unpacked over a checkout of the same code, it is a
finished study: Snakemake finds nothing to do, and after a change reruns only what depends on it.
Trajectories and networks larger than --largest (1 MB) are left out; a step that needs them computes
them again.
"""

import argparse
import io
import sys
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from koopflow.cli import crate, provenance, record
from koopflow.cli.history import RECORDS
from koopflow.config import files
from koopflow.config.resolution import resolve
from koopflow.core.errors import KoopflowError
from koopflow.io.atomic import atomic_write
from koopflow.studies.discovery import discover, settings_model
from koopflow.studies.known_names import KNOWN_NAMES

ARRAYS = (".h5", ".npz", ".safetensors", ".pt")


def study(configfiles: list[str], root: Path = Path()) -> dict:
    """Return the configuration of a run with these --configfile files, resolved as the workflow
    resolves it."""
    given: dict[str, Any] = {}
    for path in configfiles:
        given = files.updated(given, files.read(path))
    config = files.updated(files.read(root / "config.yaml"), given)
    return resolve(config, given, settings_model(discover()), KNOWN_NAMES).dump()


def files_of(results: Path, largest: float) -> list[Path]:
    """Return the files of the archive: results (arrays of at most `largest` MB), Snakemake's
    records, and the logs of the results.

    Raises
    ------
    KoopflowError
        If there are no results.
    """
    made = [path for path in sorted(results.rglob("*")) if path.is_file() and path != results / "README.md"]
    if not made:
        raise KoopflowError(f"{results}: nothing to export; run the study first")
    kept = [path for path in made if path.suffix not in ARRAYS or path.stat().st_size <= largest * 2**20]
    folders = (RECORDS, Path("logs") / results)
    return [*kept, *(path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())]


def accounts(results: Path, words: list[str]) -> str:
    """Return the provenance of the claims, or of every table if there are no claims."""
    told = []
    tables = [results / "claims.csv"] if (results / "claims.csv").is_file() else sorted(results.glob("*/*.csv"))
    for table in tables:
        try:
            told.append(provenance.describe(str(table), words))
        except KoopflowError as error:
            told.append(str(error))
    return "\n\n".join(told) + "\n"


def export(archive: Path, configfiles: list[str], largest: float = 1) -> int:
    """Write the archive; return the number of the study's files in it."""
    config = study(configfiles)
    results = Path(config["results"])
    files = files_of(results, largest)
    words = ["--configfile", *configfiles] if configfiles else []
    written = {
        "study.yaml": yaml.safe_dump(config, sort_keys=False, allow_unicode=True),
        "provenance.txt": accounts(results, words),
    }
    if (described := results / crate.NAME) in files:
        files.remove(described)
        inside = [path.relative_to(results) for path in files if path.is_relative_to(results)]
        folders = {f"{quote(folder.as_posix())}/" for path in inside for folder in path.parents}
        present = {quote(path.as_posix()) for path in inside} | folders
        written[str(described)] = record.packed(record.read(results), present)
    with atomic_write(archive) as partial, tarfile.open(partial, "w:gz") as tar:
        for name, text in written.items():
            content = text.encode()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), max(path.stat().st_mtime for path in files)
            tar.addfile(entry, io.BytesIO(content))
        for path in files:
            tar.add(path)
    return len(files)


def main(words: list[str] | None = None) -> None:
    """Read the command line and write the archive."""
    parser = argparse.ArgumentParser(prog="koopflow export", description=__doc__)
    parser.add_argument("archive", type=Path, help="the file to write, for example study.tar.gz")
    parser.add_argument("--configfile", nargs="*", default=[], help="the --configfile files of the run")
    parser.add_argument(
        "--largest", type=float, default=1, help="largest trajectory or network that is included, in MB (inf: all)"
    )
    asked = parser.parse_args(words)
    try:
        count = export(asked.archive, asked.configfile, asked.largest)
    except KoopflowError as error:
        sys.exit(f"koopflow: {error}")
    except OSError as error:
        sys.exit(f"koopflow: {error.filename or asked.archive}: {(error.strerror or str(error)).lower()}")
    print(
        f"{asked.archive}: {count} files, {asked.archive.stat().st_size / 2**20:.1f} MB; unpack it "
        "over a checkout to continue it"
    )


if __name__ == "__main__":
    main()
