"""Checksums of a finished trajectory: they cover every byte, so damage is found before a number is
used.

They follow the HDF5 content, where HDF5 does not look::

    one line of JSON   regions: byte ranges [start, stop] of weights; rest: CRC-32 of all other
    bytes; grid: chunks per axis
    uint32 (grid)      CRC-32 of the weights in each chunk of /weights, cut at the edges of the data
    20 bytes           "koopsum", a line feed, length (uint64) and CRC-32 (uint32) of the above, little-endian

The rest is compared before HDF5 opens the file: HDF5 keeps no checksums of it, and a flipped bit
can make its library search endlessly (HDF5 2.0, in a heap of strings). Weights are compared chunk
by chunk as they are read. HDF5's own checksum filter is no alternative: a chunk that a killed
process left half written could be neither read nor rewritten.
"""

import json
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.trajectory.layout import FORMAT, FORMAT_VERSION

REMEDY = (
    "remove it and run the same command again, or record it again; `python -m "
    "koopflow.cli.verify` checks a whole folder"
)
FOOT = struct.Struct("<8sQI")
MAGIC = b"koopsum\n"
PIECE = 8 << 20


def sign(path: Path) -> None:
    """Append checksums to the finished file at `path`, replacing any it has."""
    unsign(path)
    regions: list[tuple[int, int]] = []
    with h5py.File(path, "r") as file:
        weights = file["weights"]
        sums = np.zeros(_grid(weights), "<u4")
        for place in product(*map(range, sums.shape)):
            sums[place] = _sum(weights[_chunk(weights, place)])
        weights.id.chunk_iter(lambda info: regions.append((info.byte_offset, info.byte_offset + info.size)))
    joined: list[list[int]] = []
    for start, stop in sorted(regions):
        if joined and joined[-1][1] == start:
            joined[-1][1] = stop
        else:
            joined.append([start, stop])
    about = {"regions": joined, "rest": _rest(path, joined, os.path.getsize(path)), "grid": list(sums.shape)}
    content = json.dumps(about).encode() + b"\n" + sums.tobytes()
    with open(path, "ab") as file:
        file.write(content + FOOT.pack(MAGIC, len(content), zlib.crc32(content)))


def unsign(path: Path) -> None:
    """Remove the checksums of the file at `path`, if it has any."""
    found = _foot(path)
    if found:
        os.truncate(path, os.path.getsize(path) - found[0] - FOOT.size)


def upgrade(path: str | os.PathLike[str]) -> None:
    """Give the finished trajectory at `path` the checksums of this format version.

    Use it for a file of an older version, or one that was changed on purpose.

    Raises
    ------
    KoopflowError
        If it is not a trajectory, or one of a newer version.
    """
    path = Path(path)
    try:
        unsign(path)
        with h5py.File(path, "r+", libver=("earliest", "v110")) as file:
            if file.attrs.get("format", "") != FORMAT or int(file.attrs["format_version"]) > FORMAT_VERSION:
                raise KoopflowError(f"{path}: not a trajectory of format version {FORMAT_VERSION} or below")
            file.attrs["format_version"] = FORMAT_VERSION
        sign(path)
    except KoopflowError:
        raise
    except Exception as error:  # h5py and numpy raise many kinds for a foreign file
        raise KoopflowError(f"{path}: not a koopflow trajectory, or a damaged one ({error})") from None


class Verifier:
    """Compares a file with its checksums: all but the weights at once, each chunk of weights when
    it is first read.

    Attributes
    ----------
    signed : bool
        Whether the file has checksums.

    Raises
    ------
    KoopflowError
        If the file is damaged.
    """

    def __init__(self, path: Path):
        self._path, self.signed = path, False
        found = _foot(path)
        if not found:
            return
        length, expected = found
        end = os.path.getsize(path) - FOOT.size - length
        with open(path, "rb") as file:
            file.seek(max(0, end))
            content = file.read(length)
        if end < 0 or zlib.crc32(content) != expected:
            raise KoopflowError(f"{path}: damaged, its table of checksums does not match its own checksum; {REMEDY}")
        head, _, sums = content.partition(b"\n")
        about = json.loads(head)
        if _rest(path, about["regions"], end) != about["rest"]:
            raise KoopflowError(f"{path}: damaged, its description does not match its checksum; {REMEDY}")
        self._sums = np.frombuffer(sums, "<u4").reshape(about["grid"])
        self._seen, self.signed = np.zeros(self._sums.shape, bool), True

    def check(
        self,
        weights: h5py.Dataset,
        replica: int,
        steps: tuple[int, int],
        columns: tuple[int, int],
        block: NDArray[np.float32],
    ) -> None:
        """Compare the chunks that hold these rows and columns of `replica`, unless they were
        compared before.

        Parameters
        ----------
        weights : h5py.Dataset
        replica : int
        steps, columns : (int, int)
            Ranges (start, stop) of rows and columns.
        block : float32 array (rows, columns)
            The values read from them; chunks that reach beyond it are read again. It may have no
            rows.
        """
        _, length, width = weights.chunks
        (first, last), (start, stop) = steps, columns
        for column in range(start // width, -(-stop // width)):
            for step in range(first // length, -(-last // length)):
                place = (replica, step, column)
                if self._seen[place]:
                    continue
                _, rows, wide = where = _chunk(weights, place)
                inside = (
                    start <= wide.start
                    and wide.stop <= stop
                    and first <= rows.start
                    and rows.stop <= first + len(block)
                )
                held = (
                    block[rows.start - first : rows.stop - first, wide.start - start : wide.stop - start]
                    if inside
                    else weights[where]
                )
                if _sum(held) != self._sums[place]:
                    raise KoopflowError(
                        f"{self._path}: damaged, the weights of replica {replica} in columns "
                        f"{wide.start}:{wide.stop}, rows"
                        f" {rows.start}:{rows.stop} do not match their checksum; {REMEDY}"
                    )
                self._seen[place] = True


def _foot(path: Path) -> tuple[int, int] | None:
    """Return length and CRC-32 of the checksums of a file, or None if it has none."""
    with open(path, "rb") as file:
        if file.seek(0, os.SEEK_END) < FOOT.size:
            return None
        file.seek(-FOOT.size, os.SEEK_END)
        magic, length, crc = FOOT.unpack(file.read(FOOT.size))
    return (length, crc) if magic == MAGIC else None


def _rest(path: Path, regions: Sequence[Sequence[int]], end: int) -> int:
    """Return the CRC-32 of the bytes before `end` outside the `regions`."""
    found, at = 0, 0
    with open(path, "rb") as file:
        for start, stop in [*regions, (end, end)]:
            file.seek(at)
            for piece in _pieces(file, start - at):
                found = zlib.crc32(piece, found)
            at = stop
    return found


def _pieces(file: BinaryIO, count: int) -> Iterator[bytes]:
    while count > 0 and (piece := file.read(min(PIECE, count))):
        count -= len(piece)
        yield piece


def _grid(weights: h5py.Dataset) -> tuple[int, ...]:
    return tuple(-(-size // chunk) for size, chunk in zip(weights.shape, weights.chunks))


def _chunk(weights: h5py.Dataset, place: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(
        slice(at * chunk, min((at + 1) * chunk, size)) for at, chunk, size in zip(place, weights.chunks, weights.shape)
    )


def _sum(values: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(values).data)
