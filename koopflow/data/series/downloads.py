"""Published series, read from ``data_root/timeseries`` or downloaded there on first use."""

import hashlib
import io
import zipfile
import zlib
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

import numpy as np
from numpy.typing import NDArray

from koopflow.config.series import SeriesSettings
from koopflow.core.errors import KoopflowError
from koopflow.core.markup import one_line
from koopflow.data.series.csv import csv
from koopflow.data.series.published import FILES, Published
from koopflow.data.series.series import Times
from koopflow.io.atomic import atomic_write
from koopflow.io.paths import check_regular

FOLDER = "timeseries"
"""Folder below ``data_root``."""
SECONDS = 30
"""Longest silence of a server."""
MOST_BYTES = 100_000_000
"""Most bytes of a download or an unpacked file; the largest has 1.2 million."""
FAILED = (OSError, HTTPException, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError)
"""What a server that is absent, breaks off or sends no archive raises."""


def influenza(name: str, settings: SeriesSettings, seed: int) -> tuple[Times, NDArray[np.float64], str]:
    """Patients with influenza-like illness per week in the United States, 2002-2020."""
    return _read("influenza", name, settings, seed)


def bike_share_daily(name: str, settings: SeriesSettings, seed: int) -> tuple[Times, NDArray[np.float64], str]:
    """Bicycles rented per day in Washington, D.C., 2011-2012."""
    return _read("bike_share_daily", name, settings, seed)


def bike_share_hourly(name: str, settings: SeriesSettings, seed: int) -> tuple[Times, NDArray[np.float64], str]:
    """Bicycles rented per hour in Washington, D.C., 2011-2012; 165 hours are missing."""
    return _read("bike_share_hourly", name, settings, seed)


def _read(source: str, name: str, settings: SeriesSettings, seed: int) -> tuple[Times, NDArray[np.float64], str]:
    published = FILES[source]
    path = fetched(source, published, settings.data_root or "data")
    times = published.time if isinstance(published.time, str) else list(published.time)
    own = SeriesSettings.load({"path": str(path), "time": times, "value": published.value}, f"series.{name}")
    stamps, values, _ = csv(name, own, seed)
    return stamps, values, published.label


def fetched(source: str, published: Published, data_root: str) -> Path:
    """Return the file of a published series, downloaded if it is absent, with its checksum
    verified.

    Parameters
    ----------
    source : str
        Name of the source, for messages.
    published : Published
    data_root : str
        Folder of downloaded sets.

    Raises
    ------
    KoopflowError
        If the file cannot be downloaded, or is another than the published one. A file that is there
        is never replaced, and nothing is kept of a download that is not the published file.
    """
    path = Path(data_root) / FOLDER / published.file
    if path.exists():
        check_regular(path)
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != published.sha256:
            raise KoopflowError(
                f"{source}: {path} is not the published file (sha256 {found}, not {published.sha256}); remove it to "
                "download it again, or name it under path, time and value as a series of your own"
            )
        return path
    content = _downloaded(source, published, path)
    found = hashlib.sha256(content).hexdigest()
    if found != published.sha256:
        raise KoopflowError(
            f"{source}: {published.address} gave another file than the published one (sha256 {found}, not "
            f"{published.sha256}); nothing was kept"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise KoopflowError(f"{source}: {path} cannot be written ({error.strerror}); set data_root") from error
    return path


def _downloaded(source: str, published: Published, path: Path) -> bytes:
    """Return the content of the published file from its address."""
    try:
        with urlopen(published.address, timeout=SECONDS) as answer:
            content: bytes = answer.read(MOST_BYTES)
        if published.member:
            with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(published.member) as member:
                content = member.read(MOST_BYTES)
        return content
    except FAILED as error:
        what = f"its file {published.member}" if published.member else "it"
        raise KoopflowError(
            f"{source}: {path} is absent and cannot be downloaded ({one_line(error) or type(error).__name__}); get "
            f"{published.address} and save {what} as {path}"
        ) from error
