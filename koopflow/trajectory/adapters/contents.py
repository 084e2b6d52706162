"""Read checkpoint files of other tools without executing code from them.

Reads ``torch.save`` files (.pt, .pth, .ckpt, .bin, .tar), safetensors, and their shards.
"""

import argparse
import collections
import contextlib
import json
import pathlib
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from koopflow.core.errors import KoopflowError
from koopflow.io.paths import check_regular

ACCEPTED = "expected a file written by torch.save(model.state_dict(), ...) or safetensors"
SHARD = re.compile(r"^(?P<stem>.*?)[-_.]?(?P<number>\d{5})-of-(?P<count>\d{5})$")
INDEX = ".index.json"

# Plain data that checkpoints often hold beside tensors. Unpickling builds only numbers, paths and
# dictionaries.
_NUMPY = ("scalar", "_reconstruct")
_PLAIN: list[Any] = [
    argparse.Namespace,
    collections.defaultdict,
    collections.deque,
    dict,
    pathlib.PosixPath,
    np.dtype,
    np.ndarray,
    *(type(np.dtype(code)) for code in "?bBhHiIlLqQefd"),
    *(
        (getattr(np._core.multiarray, name), f"numpy.{core}.multiarray.{name}")
        for name in _NUMPY
        for core in ("core", "_core")  # as numpy 1 and numpy 2 write it
    ),
]


def read_content(path: Path, outline: bool = False) -> Mapping[str, Any]:
    """Return the content of the checkpoint at `path`.

    Parameters
    ----------
    path : Path
        A file, the first of several shards (``...-00001-of-00003.safetensors``), or their
        ``.index.json``.
    outline : bool
        Map the file into memory where possible instead of reading it: for names, shapes and step
        numbers.

    Raises
    ------
    KoopflowError
        If the file holds code, is damaged, or holds no mapping.
    """
    if path.name.endswith(INDEX):
        return _merged([path.parent / name for name in indexed(path)], outline)
    shards = shards_of(path)
    if len(shards) > 1:
        return _merged(shards, outline)
    content = _safetensors(path) if path.suffix == ".safetensors" else _torch(path, outline)
    if not isinstance(content, Mapping):
        raise KoopflowError(f"{path}: must hold a state_dict (got {type(content).__name__})")
    return content


def shards_of(path: Path) -> list[Path]:
    """Return the shards, in order, whose first is `path`; `path` alone if it is no shard.

    Raises
    ------
    KoopflowError
        If a shard is missing.
    """
    found = SHARD.match(path.stem)
    if not found:
        return [path]
    name = path.stem[: found.start("number")] + "{:05d}-of-" + found["count"] + path.suffix
    shards = [path.with_name(name.format(number)) for number in range(1, int(found["count"]) + 1)]
    for shard in shards:
        if not shard.is_file():
            raise KoopflowError(f"{shard}: this shard is missing; {path.name} is one of {len(shards)}")
    return shards


def indexed(path: Path) -> list[str]:
    """Return the names of the shards that an ``.index.json`` lists."""
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()
        names = sorted({Path(str(name)).name for name in files})
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise KoopflowError(f"{path}: not an index of shards ({type(error).__name__}: {error})") from None
    for name in names:
        if not (path.parent / name).is_file():
            raise KoopflowError(f"{path.parent / name}: this shard is missing; {path.name} lists it")
    return names


def own_metadata(path: Path) -> Mapping[str, Any]:
    """Return the numbers that the checkpoint at `path` holds beside its tensors, as cheaply as its
    format allows.

    A file that cannot be read gives none; reading its tensors reports why.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors import safe_open

            with safe_open(path, framework="pt") as file:
                return {name: int(value) for name, value in (file.metadata() or {}).items() if value.isdecimal()}
        if path.name.endswith(INDEX) or len(shards_of(path)) > 1:
            return {}
        return read_content(path, outline=True)
    except Exception:  # reading the tensors reports the error
        return {}


def _merged(shards: list[Path], outline: bool) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for shard in shards:
        merged |= _safetensors(shard) if shard.suffix == ".safetensors" else dict(_torch(shard, outline))
    return merged


def _safetensors(path: Path) -> dict[str, Any]:
    from safetensors import safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # safetensors raises many kinds for a damaged file
        raise KoopflowError(f"{path}: not a readable safetensors file ({_first_line(error)}); {ACCEPTED}") from None


def _torch(path: Path, outline: bool) -> Any:
    check_regular(path)
    try:
        with path.open("rb") as file:
            begins = file.read(2)
    except OSError as error:
        raise KoopflowError(f"{path}: cannot be read ({error.strerror})") from None
    if not begins.startswith((b"PK", b"\x80")):  # torch may take minutes over a long text
        raise KoopflowError(f"{path}: not a checkpoint (it begins like no file of torch.save); {ACCEPTED}")
    options = [{"mmap": True}, {}] if outline else [{}]
    for option in options:
        try:
            with _plain_data_allowed():
                return torch.load(path, map_location="cpu", weights_only=True, **option)
        except Exception as error:  # torch raises many kinds for a bad file, and advises executing its code
            if option is not options[-1]:
                continue
            how = (
                "its end is lost"
                if _cut(path)
                else f"{type(error).__name__}: it holds more than tensors, or is damaged"
            )
            raise KoopflowError(
                f"{path}: not a checkpoint that can be read without executing code ({how}); {ACCEPTED}"
            ) from None
    raise AssertionError


@contextlib.contextmanager
def _plain_data_allowed() -> Iterator[None]:
    with torch.serialization.safe_globals(_PLAIN), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about tensors that the reader leaves out
        yield


def _cut(path: Path) -> bool:
    """Return whether `path` begins like torch's archives but does not end like them."""
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            return False
    try:
        return not zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # Python 3.11 raises for some damaged ends
        return False


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:120] if lines else type(error).__name__
