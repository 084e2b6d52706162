"""A stand-in for conda, where conda's channels cannot be reached: what Snakemake asks of it with
`--sdm conda`.

It makes an environment from a specification as a plain virtual environment that holds exactly the
packages named there and what these require, linked from the environment that runs the tests;
versions are compared by a real conda library. What it cannot show is that conda-forge has builds of
these versions that fit together.
"""

import json
import os
import subprocess
import sys
import venv
from collections import Counter
from collections.abc import Callable
from importlib.metadata import Distribution, distribution
from pathlib import Path

import rattler
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # Snakemake runs this file as a command
from envs.pin import PYPI  # noqa: E402

CHANNELS = ["conda-forge", "nodefaults"]


def specifications(file: Path) -> list[rattler.MatchSpec]:
    """Return what the environment file asks for; its channels must be conda-forge and nothing
    else."""
    environment = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert environment["channels"] == CHANNELS, f"{file}: channels {environment['channels']}"
    return [rattler.MatchSpec(line, strict=True) for line in environment["dependencies"]]


def named(spec: rattler.MatchSpec) -> tuple[str, rattler.VersionSpec]:
    """Return a specification's package and the versions that it takes."""
    return spec.name.normalized if hasattr(spec.name, "normalized") else str(spec.name), rattler.VersionSpec(
        str(spec.version)
    )


def closure(names: list[str]) -> dict[str, Distribution]:
    """Return the installed distributions of these names and of all that they require, with the
    extras asked for."""
    found: dict[str, Distribution] = {}
    waiting, seen = [(name, frozenset()) for name in names], set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        found[name] = distribution(name)
        for line in found[name].requires or []:
            requirement = Requirement(line)
            asked = [{"extra": extra} for extra in extras or {""}]
            if requirement.marker is None or any(requirement.marker.evaluate(each) for each in asked):
                waiting.append((requirement.name.lower().replace("_", "-"), frozenset(requirement.extras)))
    return found


def link(distributions: dict[str, Distribution], target: Path) -> None:
    """Link the files of the distributions into the folder `target`: whole folders where they belong
    to one distribution alone."""
    owned = {
        name: {file.parts for file in each.files or [] if ".." not in file.parts and file.parts[0] != "__pycache__"}
        for name, each in distributions.items()
    }
    everyone = Counter(top for name in owned for top in {parts[0] for parts in owned[name]})
    shared = {top for top, count in everyone.items() if count > 1} | {"nvidia"}
    for name, files in owned.items():
        root = Path(distributions[name].locate_file(""))
        for parts in {parts if parts[0] in shared else parts[:1] for parts in files}:
            place = target.joinpath(*parts)
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():
                place.symlink_to(root.joinpath(*parts))


def create(file: Path, prefix: Path) -> None:
    """Make the environment `file` in the folder `prefix`."""
    wanted = dict(map(named, specifications(file)))
    python = wanted.pop("python")
    here = ".".join(map(str, sys.version_info[:3]))
    assert python.matches(rattler.Version(here)), f"{file}: python {python}, here is {here}"
    names = [PYPI.get(name, name) for name in wanted]
    for name, versions in zip(names, wanted.values()):
        installed = distribution(name).version
        assert versions.matches(rattler.Version(installed)), f"{file}: {name} {versions}, installed is {installed}"
    venv.EnvBuilder(symlinks=True, with_pip=False).create(prefix)
    packages = prefix / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    link(closure(names), packages)


def install(folder: Path, script: Path = Path(__file__)) -> None:
    """Put a command `conda`, by default this stand-in, into `folder`/bin, with the script that activates
    environments."""
    commands = folder / "bin"
    commands.mkdir(parents=True)
    (commands / "conda").write_text(f'#!/bin/sh\nPYTHONPATH= exec {sys.executable} {script.resolve()} "$@"\n')
    (commands / "conda").chmod(0o755)
    (commands / "activate").write_text('export PATH="$1/bin:$PATH" CONDA_PREFIX="$1"\n')


def run_in_environments(
    house: Path, *words: str, script: Path = Path(__file__), create: Callable[[Path, Path], None] = create
) -> subprocess.CompletedProcess:
    """Run Snakemake in `house`, each job in its own environment; the environments lie beside it. They are made by
    `create` and, for Snakemake, by `script`, by default with this stand-in.

    Snakemake itself runs from one that holds nothing but what it requires, because it lends its own
    packages to the scripts that it runs elsewhere.
    """
    base = house.parent / "conda"
    if not base.exists():
        create(house / "envs" / "report.yaml", house.parent / "snakemake")
        install(base, script)
    environment = os.environ | {"PATH": f"{base / 'bin'}:{os.environ['PATH']}", "CONDA_STANDIN": str(base)}
    command = [
        str(house.parent / "snakemake/bin/python"),
        "-m",
        "snakemake",
        "--cores",
        str(len(os.sched_getaffinity(0))),
        *words,
    ]
    return subprocess.run([*command, "--sdm", "conda"], cwd=house, env=environment, capture_output=True, text=True)


def answer(words: list[str], create: Callable[[Path, Path], None]) -> None:
    """Answer what Snakemake asks of conda; `create` makes the environment of a file in a folder."""
    match words:
        case ["info", "--json"]:
            print(json.dumps({"conda_prefix": os.environ["CONDA_STANDIN"], "platform": "linux-64"}))
        case ["--version"]:
            print("conda 25.1.0")
        case ["config", "--get", "channel_priority", "--json"]:
            print(json.dumps({"get": {"channel_priority": "strict"}}))
        case ["env", "create", *options]:
            create(Path(options[options.index("--file") + 1]), Path(options[options.index("--prefix") + 1]))
        case ["clean", *_]:
            pass
        case _:
            sys.exit(f"the stand-in for conda does not know: {' '.join(words)}")


if __name__ == "__main__":
    answer(sys.argv[1:], create)
