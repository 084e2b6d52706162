"""Published series: downloaded once from a server on the loopback address, verified, and never overwritten."""

import hashlib
import io
import socket
import threading
import zipfile
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from koopflow.config.series import SeriesSettings
from koopflow.core.errors import KoopflowError
from koopflow.data.series import downloads
from koopflow.data.series.loading import load
from koopflow.data.series.published import FILES

CONTENT = b"date,ILITOTAL\n" + b"".join(b"2020-01-%02d,%d\n" % (day, day * day % 17 + day) for day in range(1, 31))


def archive() -> bytes:
    """An archive of the series."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("day.csv", CONTENT)
    return packed.getvalue()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        self.server.asked.append(self.path)


@pytest.fixture
def server(tmp_path):
    """A server of the folder tmp_path/public; `asked` lists what was asked of it."""
    folder = tmp_path / "public"
    folder.mkdir()
    running = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    running.asked = []
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running, folder, f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def published(server, monkeypatch):
    """The source influenza, published by that server."""
    _, folder, address = server
    (folder / "flu.csv").write_bytes(CONTENT)
    each = replace(FILES["influenza"], address=f"{address}/flu.csv", sha256=hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setitem(FILES, "influenza", each)
    return each


def influenza(tmp_path):
    return load("flu", {"source": "influenza", "data_root": str(tmp_path / "data")})


def test_a_series_is_downloaded_once(published, server, tmp_path):
    first = influenza(tmp_path)
    again = influenza(tmp_path)
    assert server[0].asked == ["/flu.csv"]
    assert (tmp_path / "data/timeseries/national_illness.csv").read_bytes() == CONTENT
    assert first.label == "patients per week"
    np.testing.assert_array_equal(first.values, again.values)


def test_a_file_in_an_archive_is_unpacked(server, monkeypatch, tmp_path):
    _, folder, address = server
    (folder / "bikes.zip").write_bytes(archive())
    each = replace(
        FILES["bike_share_daily"], address=f"{address}/bikes.zip", sha256=hashlib.sha256(CONTENT).hexdigest()
    )
    assert downloads.fetched("bike_share_daily", each, str(tmp_path)).read_bytes() == CONTENT
    with pytest.raises(KoopflowError, match=r"save its file hour.csv as .*hour.csv$"):
        downloads.fetched("bikes", replace(each, member="hour.csv", file="hour.csv"), str(tmp_path))


def test_another_file_than_the_published_one_is_not_kept(published, server, tmp_path):
    (server[1] / "flu.csv").write_bytes(CONTENT + b"2020-01-31,0\n")
    with pytest.raises(KoopflowError, match=r"^influenza: http://\S+ gave another file .*; nothing was kept$") as error:
        influenza(tmp_path)
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "data").rglob("*.csv"))


def test_a_file_that_is_there_is_not_replaced(published, server, tmp_path):
    own = tmp_path / "data/timeseries/national_illness.csv"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    with pytest.raises(KoopflowError, match=r"is not the published file .*; remove it to download it again"):
        influenza(tmp_path)
    assert own.read_bytes() == b"mine"
    assert server[0].asked == []


OK, PACKED = b"HTTP/1.1 200 OK\r\n", archive()
BODY = PACKED.index(b"day.csv") + len("day.csv")


@pytest.mark.parametrize(
    "answer",
    [
        b"no HTTP\n\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n400\r\n" + CONTENT[:9],
        OK + b"Content-Length: %d\r\n\r\n" % len(PACKED) + PACKED[:60],
        OK + b"\r\n" + PACKED[:BODY] + b"\xff" * 20 + PACKED[BODY + 20 :],
    ],
    ids=["no HTTP", "broken off", "half an archive", "a damaged archive"],
)
def test_a_download_that_fails_on_the_way_is_one_line_and_leaves_nothing(answer, tmp_path):
    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/day.zip"
        each = replace(FILES["bike_share_daily"], address=address)
        with pytest.raises(KoopflowError, match=r"is absent and cannot be downloaded \(.+\); get http") as error:
            downloads.fetched("bike_share_daily", each, str(tmp_path))
        thread.join()
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_without_a_network_one_line_says_what_to_put_where(published, monkeypatch, tmp_path):
    monkeypatch.setitem(FILES, "influenza", replace(published, address="http://127.0.0.1:9/flu.csv"))
    line = r"^influenza: \S+national_illness.csv is absent and cannot be downloaded \(.*\); get \S+ and save it as \S+$"
    with pytest.raises(KoopflowError, match=line):
        influenza(tmp_path)


@pytest.mark.parametrize(
    ("source", "samples", "step", "largest"),
    [
        ("influenza", 966, "week", None),
        ("bike_share_daily", 731, "day", 8714),
        ("bike_share_hourly", 17544, "hour", 977),
    ],
)
def test_the_published_files_are_read_as_they_are(source, samples, step, largest, shared_data):
    found = load("it", SeriesSettings.load({"source": source, "data_root": str(shared_data)}))
    assert (len(found.values), found.step) == (samples, step)
    if largest:
        assert found.values.max() == largest
