"""A local channel of conda packages, made from the packages that this machine has, and a command
`conda` that solves and installs from it with py-rattler.

conda-forge cannot be reached where koopflow is developed. Here the channel of that name is a folder:
each installed distribution that an environment needs is packed under its conda name, with its own
requirements as dependencies, and Python itself from the interpreter's folder. The index, the solver,
and the installation are rattler's own; Snakemake calls the command as it calls conda.

Files above `LARGE` are packed as links to this machine's copies: CUDA's libraries take gigabytes.
What this cannot show: that conda-forge has builds of these versions.
"""

import asyncio
import hashlib
import io
import json
import os
import platform
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, distribution
from pathlib import Path

import rattler
import yaml
from packaging.requirements import Requirement
from rattler.exceptions import SolverError

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # Snakemake runs this file as a command
from envs.pin import PYPI  # noqa: E402
from tests.envs.conda import answer, closure, named, specifications  # noqa: E402

CONDA = {pypi: conda for conda, pypi in PYPI.items()}
VERSION = sysconfig.get_python_version()
PURE, NATIVE = Path("site-packages"), Path("lib", f"python{VERSION}", "site-packages")
"""Where the modules of a package lie: in one for every Python (noarch), and in one for this Python."""
LARGE = 2**19
"""Bytes above which a file is packed as a link."""
LEFT_OUT = {"site-packages", "__pycache__", "test", "idlelib", "ensurepip"}
TIMESTAMP = 1_700_000_000_000
FORGE = "conda-forge"
CHANNELS = "KOOPFLOW_CHANNELS"
"""The variable that names the folder of channels for the command."""


def conda_name(name: str) -> str:
    """Return conda's name of a distribution."""
    name = name.lower().replace("_", "-").replace(".", "-")
    return CONDA.get(name, name)


def needed(distribution_: Distribution, extras: Iterable[str] = ()) -> Iterator[str]:
    """Yield what a distribution requires on this machine as conda's dependencies: conda has no extras, so those
    of a requirement follow it."""
    for line in distribution_.requires or []:
        requirement = Requirement(line)
        asked = [{"extra": extra} for extra in extras or [""]]
        if requirement.marker is None or any(requirement.marker.evaluate(each) for each in asked):
            yield f"{conda_name(requirement.name)} {requirement.specifier}".strip()
            if requirement.extras:
                yield from needed(distribution(requirement.name), requirement.extras)


def files_of(each: Distribution, pure: bool) -> dict[Path, Path]:
    """Return the modules of a distribution: place in the package, and file on this machine."""
    inside = [file for file in each.files or [] if ".." not in file.parts and "__pycache__" not in file.parts]
    return {(PURE if pure else NATIVE).joinpath(*file.parts): Path(str(each.locate_file(file))) for file in inside}


def files_of_python() -> dict[Path, Path]:
    """Return the interpreter and its library, without tests and installed packages."""
    base = Path(sys.base_prefix)
    library = base / "lib" / f"python{VERSION}"
    found = {
        path.relative_to(base): path
        for path in library.rglob("*")
        if path.is_file() and not LEFT_OUT & set(path.relative_to(library).parts)
    }
    return found | {Path("bin", f"python{VERSION}"): (base / "bin" / f"python{VERSION}").resolve()}


def pack(
    channel: Path,
    name: str,
    version: str,
    depends: list[str],
    files: Mapping[Path, Path],
    links: Mapping[str, str] | None = None,
    pure: bool = False,
) -> None:
    """Write one package into a folder of the channel.

    Parameters
    ----------
    channel : path
    name, version : str
    depends : list of str
        Specifications of other packages.
    files : mapping of path to path
        Place in the package, and file.
    links : mapping of str to str, optional
        Place in the package, and the relative target of a link.
    pure : bool
        Whether the package fits every Python.
    """
    subdir = "noarch" if pure else "linux-64"
    index = {
        "name": name,
        "version": version,
        "build": "py_0" if pure else f"py{VERSION.replace('.', '')}_0",
        "build_number": 0,
        "depends": depends,
        "subdir": subdir,
        "timestamp": TIMESTAMP,
        **({"noarch": "python"} if pure else {"arch": "x86_64", "platform": "linux"}),
    }
    file = channel / subdir / f"{name}-{version}-{index['build']}.tar.bz2"
    file.parent.mkdir(parents=True, exist_ok=True)
    paths = []
    with tarfile.open(file, "w:bz2", compresslevel=1) as archive:

        def text(place: str, content: object) -> None:
            raw = json.dumps(content).encode()
            entry = tarfile.TarInfo(place)
            entry.size = len(raw)
            archive.addfile(entry, io.BytesIO(raw))

        def link(place: str, target: str) -> None:
            entry = tarfile.TarInfo(place)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
            paths.append({"_path": place, "path_type": "softlink"})

        for place, source in sorted(files.items()):
            size = source.stat().st_size
            if size > LARGE:
                link(place.as_posix(), str(source))
                continue
            raw = source.read_bytes()
            entry = tarfile.TarInfo(place.as_posix())
            entry.size, entry.mode = size, 0o755 if os.access(source, os.X_OK) else 0o644
            archive.addfile(entry, io.BytesIO(raw))
            digest = hashlib.sha256(raw).hexdigest()
            paths.append({"_path": place.as_posix(), "path_type": "hardlink", "sha256": digest, "size_in_bytes": size})
        for place, target in (links or {}).items():
            link(place, target)
        text("info/index.json", index)
        text("info/paths.json", {"paths": paths, "paths_version": 1})
        text("info/about.json", {})
        if pure:
            text("info/link.json", {"noarch": {"type": "python"}, "package_metadata_version": 1})


def build(channels: Path, environments: Iterable[Path], hollow: bool = False) -> Path:
    """Make the channel conda-forge in the folder `channels`, with what the environment files need; return it.

    `hollow` packages have names, versions and dependencies, and no files: enough to solve.
    """
    channel = channels / FORGE
    names = {named(spec)[0] for file in environments for spec in specifications(file)} - {"python"}
    for name, each in closure([PYPI.get(name, name) for name in sorted(names)]).items():
        pure = "Root-Is-Purelib: true" in (each.read_text("WHEEL") or "")
        python = f"python >={VERSION}" if pure else f"python {VERSION}.*"
        files = {} if hollow else files_of(each, pure)
        pack(channel, conda_name(name), each.version, [python, *needed(each)], files, pure=pure)
    commands = {f"bin/{name}": f"python{VERSION}" for name in ("python", "python3")}
    pack(channel, "python", platform.python_version(), [], {} if hollow else files_of_python(), commands)
    asyncio.run(rattler.index.index_fs(channel))
    return channel


async def solved(file: Path, channels: Path) -> list[rattler.RepoDataRecord]:
    """Return the packages that rattler's solver chooses for an environment file, from conda-forge in `channels`
    alone."""
    alias = rattler.ChannelConfig(channel_alias=channels.resolve().as_uri() + "/")
    given = yaml.safe_load(file.read_text(encoding="utf-8"))
    sources = [rattler.Channel(name, alias) for name in given["channels"] if name != "nodefaults"]
    return await rattler.solve(
        sources,
        given["dependencies"],
        gateway=rattler.Gateway(cache_dir=channels / "cache"),
        platforms=["linux-64", "noarch"],
        virtual_packages=rattler.VirtualPackage.detect(),
    )


def create(file: Path, prefix: Path) -> None:
    """Solve the environment `file` and install it in the folder `prefix`."""
    channels = Path(os.environ[CHANNELS])

    async def run() -> None:
        try:
            records = await solved(file, channels)
        except SolverError as error:
            sys.exit(f"{file}: {error}")
        await rattler.install(records, prefix, cache_dir=channels / "packages", show_progress=False)

    asyncio.run(run())


if __name__ == "__main__":
    answer(sys.argv[1:], create)
