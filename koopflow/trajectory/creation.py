"""Create an empty trajectory file."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from koopflow.trajectory.layout import FORMAT, FORMAT_VERSION, NOT_WRITTEN, Parameter, chunk_shape, store_parameters

SINGLE_WRITER = ("v110", "v110")
"""HDF5's library versions for files that can be read while they are written (SWMR)."""


@dataclass(frozen=True)
class Header:
    """The content of a file before any state is written; the texts are JSON, except
    `code_version`."""

    table: list[Parameter]
    replicas: int
    study: str
    seeds: str
    code_version: str


def create(path: Path, header: Header, steps: int | None, compression: str | None) -> None:
    """Write a file without states at `path`."""
    creator = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creator.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    allocated = steps is not None and compression is None
    if allocated:
        creator.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    length = steps if steps is not None and compression is None else 0
    replicas, parameters, few = header.replicas, header.table[-1].stop, steps or 1024
    with h5py.File(path, "w", libver="earliest" if allocated else SINGLE_WRITER) as file:
        file.create_dataset(
            "weights",
            shape=(replicas, length, parameters),
            maxshape=(replicas, None, parameters),
            dtype=np.float32,
            chunks=chunk_shape(replicas, parameters, steps),
            compression=compression,
            shuffle=compression is not None,
            dcpl=creator,
        )
        file.create_dataset("steps", data=np.full(length, NOT_WRITTEN, np.int64), maxshape=(None,), chunks=(few,))
        file.create_dataset(
            "loss", data=np.full((replicas, length), np.nan), maxshape=(replicas, None), chunks=(1, few)
        )
        store_parameters(file, header.table)
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["study"] = header.study
        file.attrs["seeds"] = header.seeds
        file.attrs["code_version"] = header.code_version
        file.attrs["steps_allocated"] = length


def steps_allocated(path: Path) -> int:
    """Return the number of states for which the partial file has space, 0 if it grows. The file may
    still count as open if its writer died."""
    with h5py.File(path, "r", swmr=True) as file:
        return int(file.attrs["steps_allocated"])
