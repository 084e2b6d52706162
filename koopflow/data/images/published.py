"""Checksums of the published files of MNIST, Fashion-MNIST, KMNIST, CIFAR-10, CIFAR-100 and SVHN.

The MD5 sums of packed files and of CIFAR-10's batches are those that torchvision verifies after a
download. Those of unpacked IDX files belong to the content of the packed files.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

_IDX: dict[str, dict[str, tuple[str, str | None]]] = {
    "MNIST": {
        "train-images-idx3-ubyte": ("f68b3c2dcbeaaa9fbdd348bbdeb94873", "6bbc9ace898e44ae57da46a324031adb"),
        "train-labels-idx1-ubyte": ("d53e105ee54ea40749a09fcbcd1e9432", "a25bea736e30d166cdddb491f175f624"),
        "t10k-images-idx3-ubyte": ("9fb629c4189551a2d022fa330f9573f3", "2646ac647ad5339dbf082846283269ea"),
        "t10k-labels-idx1-ubyte": ("ec29112dd5afa0611ce80d1b7f02629c", "27ae3e4e09519cfbb04c329615203637"),
    },
    "FashionMNIST": {
        "train-images-idx3-ubyte": ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
        "train-labels-idx1-ubyte": ("25c81989df183df01b3e8a0aad5dffbe", "9018921c3c673c538a1fc5bad174d6f9"),
        "t10k-images-idx3-ubyte": ("bef4ecab320f06d8554ea6380940ec79", "8181f5470baa50b63fa0f6fddb340f0a"),
        "t10k-labels-idx1-ubyte": ("bb300cfdad3c16e7a12a480ee83cd310", "15d484375f8d13e6eb1aabb0c3f46965"),
    },
    "KMNIST": {
        "train-images-idx3-ubyte": ("bdb82020997e1d708af4cf47b453dcf7", None),
        "train-labels-idx1-ubyte": ("e144d726b3acfaa3e44228e80efcd344", None),
        "t10k-images-idx3-ubyte": ("5c965bf0a639b31b8f53240b1b52f4d7", None),
        "t10k-labels-idx1-ubyte": ("7320c461ea6c1c855c0b718fb2a4b134", None),
    },
}
_BATCHES = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
    "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
}


_CIFAR100 = {
    "train": "16019d7e3df5f24257cddd939b257f8d",
    "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
}
_SVHN = {
    "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
    "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
}
_PLAIN = {"CIFAR10": _BATCHES, "CIFAR100": _CIFAR100, "SVHN": _SVHN}


def known(name: str) -> dict[str, str]:
    """Return the MD5 sum of each published file of the set `name`, packed (.gz) and unpacked, as far
    as it is known."""
    if name in _PLAIN:
        return dict(_PLAIN[name])
    packed = {f"{file}.gz": sums[0] for file, sums in _IDX.get(name, {}).items()}
    return packed | {file: sums[1] for file, sums in _IDX.get(name, {}).items() if sums[1] is not None}


def compare(name: str, files: Iterable[Path]) -> dict[str, str]:
    """Return for each file of the set `name` how it compares with the published one.

    Returns
    -------
    dict of str to str
        By file name: "as published", "differs from the published file", or "no published checksum".
    """
    sums = known(name)
    return {file.name: _verdict(file, sums.get(file.name)) for file in files}


def _verdict(file: Path, published: str | None) -> str:
    if published is None:
        return "no published checksum"
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    return "as published" if found == published else "differs from the published file"
