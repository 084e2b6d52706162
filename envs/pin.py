"""Write envs/pinned/NAME.yaml for each envs/NAME.yaml: the same packages at the exact versions of
requirements.txt (`make pins`).

conda's own pin files list the addresses and checksums of builds, which need a solve against the
channel: run `snakedeploy pin-conda-envs envs/*.yaml` where conda-forge can be reached, and
Snakemake uses the files that it writes. The files here record what is known without the channel:
the versions with which the tests have run.
"""

from pathlib import Path

import yaml
from packaging.requirements import Requirement

HERE = Path(__file__).resolve().parent
PYTHON = "3.11"
# PyPI names of packages that conda names differently.
PYPI = {
    "pytorch": "torch",
    "matplotlib-base": "matplotlib",
    "seaborn-base": "seaborn",
    "snakemake-minimal": "snakemake",
}


def versions(requirements: Path) -> dict[str, str]:
    """Return the pinned version of each package, by its name in lower case, on Linux with the
    Python of the pins."""
    found = {}
    for line in requirements.read_text(encoding="utf-8").splitlines():
        pin = Requirement(line)
        here = {
            "python_version": PYTHON,
            "python_full_version": f"{PYTHON}.0",
            "sys_platform": "linux",
            "platform_machine": "x86_64",
        }
        if pin.marker is None or pin.marker.evaluate(here):
            found[pin.name.lower()] = next(iter(pin.specifier)).version
    return found


def pinned(environment: dict, known: dict[str, str]) -> list[str]:
    """Return the environment's dependencies at exact versions."""
    lines = []
    for dependency in environment["dependencies"]:
        name = dependency.split()[0]
        lines.append(f"python ={PYTHON}" if name == "python" else f"{name} =={known[PYPI.get(name, name)]}")
    return lines


def main() -> None:
    """Write the pinned environments."""
    known = versions(HERE.parent / "requirements.txt")
    (HERE / "pinned").mkdir(exist_ok=True)
    for path in sorted(HERE.glob("*.yaml")):
        environment = yaml.safe_load(path.read_text(encoding="utf-8"))
        text = "".join(f"  - {line}\n" for line in pinned(environment, known))
        channels = "".join(f"  - {channel}\n" for channel in environment["channels"])
        head = f"# {path.name} at the versions of requirements.txt; written by `make pins`.\n"
        (HERE / "pinned" / path.name).write_text(f"{head}channels:\n{channels}dependencies:\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
