"""What a job ran on: class of the machine, device and driver, BLAS, and a digest of the installed
packages.

Nothing here identifies a person or a machine: no host name, no user, no path.
"""

import hashlib
import os
import platform
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

_INSTALLED = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)(?:-py[0-9.]+)?\.(?:dist|egg)-info")
ENVIRONMENTS = Path(".snakemake/koopflow")
"""Folder of the lists of installed packages, ``environment-DIGEST.txt``."""


def describe() -> dict[str, Any]:
    """Return the class of this machine, the device in use, BLAS, and the environment's digest.

    Libraries that the job has not imported are not imported here: `blas` and the GPU are stated only
    where NumPy and torch are loaded.
    """
    return {
        "cpu": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
        "libc": "-".join(platform.libc_ver()).strip("-"),
        "python": platform.python_version(),
        **_blas(),
        **_device(),
        "environment": environment(),
    }


def installed(folders: Iterable[str] | None = None) -> list[str]:
    """Return ``name==version`` of every package installed in `folders` (`sys.path`), sorted.

    Read from the names of the packages' folders, which takes milliseconds.
    """
    found = set()
    for folder in sys.path if folders is None else folders:
        with suppress(OSError):
            for entry in os.listdir(folder or "."):
                if match := _INSTALLED.fullmatch(entry):
                    found.add(f"{match['name'].lower().replace('_', '-')}=={match['version']}")
    return sorted(found)


def environment(folder: Path = ENVIRONMENTS) -> str:
    """Return the digest of Python's version and all installed packages, 12 hexadecimal digits; keep
    the list in `folder`.

    The list is written once per digest. A folder that cannot be written to is ignored.
    """
    lines = [f"python=={platform.python_version()}", *installed()]
    text = "\n".join(lines) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    path = folder / f"environment-{digest}.txt"
    if folder.is_dir() and not path.exists():
        with suppress(OSError):
            partial = path.with_name(f".{path.name}.{os.getpid()}")
            partial.write_text(text, encoding="utf-8")
            os.replace(partial, path)
    return digest


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gb() -> int | None:
    """Return the machine's memory in GB; None where the system does not tell."""
    with suppress(ValueError, OSError, AttributeError):  # Windows has no sysconf
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    return None


def _blas() -> dict[str, str]:
    """Return the BLAS that NumPy was built with, if NumPy is loaded."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return {}
    try:
        built = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
        return {"blas": f"{built['name']} {built['version']}"}
    except (KeyError, TypeError, AttributeError):
        return {}


def _device() -> dict[str, str]:
    """Return the device of the job, and the versions of its driver and CUDA if it is a GPU."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return {"device": "cpu"}
    found = {"device": torch.cuda.get_device_name(), "cuda": str(torch.version.cuda)}
    with suppress(OSError):
        found["driver"] = Path("/sys/module/nvidia/version").read_text(encoding="utf-8").strip()
    return found
