"""MNIST, Fashion-MNIST, KMNIST, CIFAR-10, CIFAR-100 and SVHN: read from `data_root`, or downloaded there by
torchvision."""

import contextlib
import gzip
import logging
import os
import struct
import zlib
from collections.abc import Callable, Iterable
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from koopflow.core import facts
from koopflow.core.errors import KoopflowError
from koopflow.data.images import published
from koopflow.data.images.context import Context
from koopflow.data.images.sets import RawImages
from koopflow.io.paths import check_regular

logger = logging.getLogger("koopflow")

MOST_BYTES = 1 << 32
"""Most bytes of an IDX file; MNIST's have 47 million."""

_IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def mnist(context: Context) -> RawImages:
    """Return MNIST (LeCun et al. 1998): 60,000 + 10,000 digits of 28 × 28."""
    return _idx_set("MNIST", context.data_root)


def fashion_mnist(context: Context) -> RawImages:
    """Return Fashion-MNIST (Xiao et al. 2017): 60,000 + 10,000 articles of clothing of 28 × 28."""
    return _idx_set("FashionMNIST", context.data_root)


def kmnist(context: Context) -> RawImages:
    """Return KMNIST (Clanuwat et al. 2018): 60,000 + 10,000 cursive Japanese characters of 28 ×
    28."""
    return _idx_set("KMNIST", context.data_root)


def cifar10(context: Context) -> RawImages:
    """Return CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 colour photographs of 32 × 32 in ten
    classes."""
    return _cifar("CIFAR10", "cifar-10-batches-py", "cifar-10-python.tar.gz", "*_batch*", context.data_root)


def cifar100(context: Context) -> RawImages:
    """Return CIFAR-100 (Krizhevsky 2009): 50,000 + 10,000 colour photographs of 32 × 32 in a hundred
    classes."""
    return _cifar("CIFAR100", "cifar-100-python", "cifar-100-python.tar.gz", "t*", context.data_root)


def svhn(context: Context) -> RawImages:
    """Return SVHN (Netzer et al. 2011): 73,257 + 26,032 house numbers, colour photographs of 32 × 32
    in ten classes."""
    from torchvision.datasets import SVHN

    root = Path(context.data_root)
    files = [root / f"{part}_32x32.mat" for part in ("train", "test")]
    if not all(file.is_file() for file in files):
        names = " and ".join(file.name for file in files)
        _download(_both_parts, "SVHN", context.data_root, f"put {names} into it")
    for file in files:
        check_regular(file)
    try:
        train, test = (SVHN(context.data_root, part, download=False) for part in ("train", "test"))
    except Exception as error:  # scipy raises many kinds for a damaged file
        raise KoopflowError(
            f"SVHN: {root} is incomplete or damaged ({error}); remove its .mat files to download them again"
        ) from error
    _compare("SVHN", files)
    return RawImages(train.data, train.labels.astype(np.int64), test.data, test.labels.astype(np.int64), "SVHN")


def _both_parts(data_root: str, **_: object) -> None:
    """Download both parts of SVHN, which torchvision offers one at a time."""
    from torchvision.datasets import SVHN

    for part in ("train", "test"):
        SVHN(data_root, part, download=True)


def _cifar(name: str, folder_name: str, archive: str, batches: str, data_root: str) -> RawImages:
    """Read CIFAR-10 or CIFAR-100 from `folder_name` below `data_root`; download it if it is
    absent."""
    import torchvision.datasets

    dataset, folder = getattr(torchvision.datasets, name), Path(data_root) / folder_name
    if not folder.is_dir():
        _download(dataset, name, data_root, f"put the folder {folder} there (unpacked {archive})")
    for file in folder.iterdir():
        check_regular(file)
    try:
        train, test = (dataset(data_root, train=train, download=False) for train in (True, False))
    except (RuntimeError, OSError) as error:
        raise KoopflowError(
            f"{name}: {folder} is incomplete or damaged ({error}); remove it to download it again"
        ) from error
    _compare(name, sorted(folder.glob(batches)))
    parts = [
        (np.ascontiguousarray(part.data.transpose(0, 3, 1, 2)), np.asarray(part.targets, dtype=np.int64))
        for part in (train, test)
    ]
    return RawImages(*parts[0], *parts[1], name)


def _idx_set(name: str, data_root: str) -> RawImages:
    """Read the four IDX files of `name`, packed (.gz) or not, from ``data_root/name/raw``; download
    them if one is absent."""
    folder = Path(data_root) / name / "raw"
    if not all(_present(folder / file) for file in _IDX_FILES):
        import torchvision.datasets

        wanted = ", ".join(f"{file}.gz" for file in _IDX_FILES)
        _download(getattr(torchvision.datasets, name), name, data_root, f"put its four files {wanted} into {folder}")
    files = [_present(folder / file) or folder / file for file in _IDX_FILES]
    x_train, y_train, x_test, y_test = map(read_idx, files)
    _compare(name, files)
    return RawImages(x_train[:, None], y_train.astype(np.int64), x_test[:, None], y_test.astype(np.int64), name)


def _compare(name: str, files: Iterable[Path]) -> None:
    """Note whether `files` are the published ones, and warn in the job's log of those that
    differ."""
    found = published.compare(name, files)
    facts.note("files", name=name, files=found)
    for file, verdict in found.items():
        if "differs" in verdict:
            logger.warning("%s: %s %s; results then belong to these files", name, file, verdict)


def _present(path: Path) -> Path | None:
    return next((each for each in (path.with_name(path.name + ".gz"), path) if each.is_file()), None)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array of unsigned bytes in an IDX file, packed (.gz) or not.

    LeCun's format: two zero bytes, type 8, number of dimensions, big-endian sizes, bytes.
    torchvision reads unpacked files only, and unpacks them beside the packed ones; here `data_root`
    may be read-only.
    """
    check_regular(path)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            head = file.read(4)
            if len(head) < 4 or head[:3] != b"\x00\x00\x08":
                raise ValueError("it does not start like an IDX file of bytes")
            if head[3] not in (1, 3):
                raise ValueError(f"it has {head[3]} dimensions; labels have 1 and images 3")
            shape = struct.unpack(f">{head[3]}I", file.read(4 * head[3]))
            promised = prod(shape)
            if promised > MOST_BYTES:
                raise ValueError(f"it promises {promised:,} bytes; at most {MOST_BYTES:,} are read")
            content = file.read(promised + 1)
        if len(content) != promised:
            found = "fewer" if len(content) < promised else "more"
            raise ValueError(f"it promises {promised:,} bytes and holds {found}")
        return np.frombuffer(content, dtype=np.uint8).reshape(shape)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise KoopflowError(f"{path}: not a readable IDX file ({error}); replace it by the original file") from error


def _download(dataset: Callable[..., object], name: str, data_root: str, remedy: str) -> None:
    """Download a torchvision data set once, even if several jobs request it; leave nothing behind
    if it fails."""
    from filelock import FileLock

    lock = Path(data_root) / f".{name}.lock"
    try:
        os.makedirs(data_root, exist_ok=True)
        with FileLock(lock):
            dataset(data_root, train=True, download=True)
    except Exception as error:  # torchvision raises RuntimeError, URLError, OSError and more
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        for folder in (Path(data_root) / name / "raw", Path(data_root) / name):
            with contextlib.suppress(OSError):  # only empty folders are ours to remove
                folder.rmdir()
        raise KoopflowError(
            f"{name} is not in data_root '{data_root}' and cannot be downloaded ({reason}): {remedy}"
        ) from error
    finally:
        lock.unlink(missing_ok=True)
