"""Hostile names and files: each ends in one line or is read as it was meant, in bounded time.

Hostile texts are in tests/report/test_hostile_texts.py.
"""

import csv
import gzip
import io
import json
import os
import resource
import signal
import socket
import struct
import tempfile
import traceback
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision  # noqa: F401 - takes seconds to import, which are no file's
import yaml
from safetensors.numpy import save as tensors_as_bytes

from koopflow.config.files import read as read_config
from koopflow.core.errors import KoopflowError
from koopflow.data.series.loading import load as load_series
from koopflow.studies.discovery import discover, settings_model
from koopflow.trajectory import Trajectory
from koopflow.trajectory.adapters.folders import convert_folder
from tests.config.test_files import BOMB
from tests.report.test_hostile_texts import MARKUP
from tests.robustness.test_bad_data import archive, outcome, places

SECONDS = 30
"""Longest time for one file at all places."""

NAMES = [
    *("../escape", "../../etc/passwd", "/etc/passwd", "a/b", "a\\b", "..", ".", "./a", "~", "~root", "a/../b", "//"),
    *("-rf", "--help", "-", "a b", " lead", "trail "),
    *("a\tb", "a\nb", "a\r\nb", "nul\x00byte", "bell\x07", "\x1b[31mred"),
    *("$(id)", "`id`", "${HOME}", "$HOME", "a;b", "a|b", "a&b", "a>b", "'", '"', "''"),
    *('a"b', "a'b", "*", "?", "[a]", "!x"),
    *("{wildcard}", "{}", "{0}", "%s", "%(a)s", "%d", "#c", "a#b", "a:b", "a=b"),
    *("a,b", "a@b", "a+b", "a..b", "@", "&a", "*a"),
    *("CON", "nul", "aux.csv", ".hidden", "trail."),
    *("x" * 255, "x" * 300, "", " ", "NaN", "null", "true", "no", "1", "1e5"),
    *("ü", "u\u0308", "中文", "🙂", "\u202eevil", "zero\u200bwidth", "a\u2028b", "\ufeffbom", "ﬁ"),
    *("__class__", "__proto__", "self", "None", "all", "report"),
    *("a__b", "weights", "steps", "step-3", "=1+1", "<b>", "a/b/c.weight"),
]  # fmt: skip
"""Names that are something else to a shell, a path, a format, YAML, CSV or Snakemake."""


@contextmanager
def bounded(seconds: float = SECONDS, memory: int = 6 << 30) -> Iterator[None]:
    """Fail if the block takes longer, or more address space, than allowed."""

    fired = []

    def late(_: int, frame: object) -> None:
        fired.append("".join(traceback.format_stack(frame)[-6:]))
        raise TimeoutError(f"more than {seconds} s")

    before, soft = signal.signal(signal.SIGALRM, late), resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)  # again and again: a reader may take the first for a bad file
    resource.setrlimit(resource.RLIMIT_AS, (taken + memory, soft[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, soft)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not fired, fired[0]


def one_line(error: KoopflowError) -> None:
    assert "\n" not in str(error)
    assert 0 < len(str(error)) < 2000


# ----------------------------------------------------------------------------------------- names
@pytest.fixture(scope="module")
def model():
    return settings_model(discover())


BLOCKS: dict[str, Callable[[str], dict]] = {
    "series": lambda name: {"series": {name: {"source": "sunspots"}}},
    "trajectories": lambda name: {"trajectories": {name: {"path": "a.h5"}}},
    "data": lambda name: {"data": {name: {"source": "digits"}}},
    "methods": lambda name: {"pruning": {"methods": {name: {"score": "magnitude"}}}},
    "statements": lambda name: {"claims": {"statements": {name: {"paper": "p", "statement": "s", "measure": "m"}}}},
    "external": lambda name: {"tickets": {"external": {name: {"folder": "rounds"}}}},
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_the_configuration_is_a_plain_word_or_refused(model, name):
    for block, given in BLOCKS.items():
        try:
            model.load(given(name))
        except KoopflowError as error:
            one_line(error)
        else:
            # It becomes part of paths, wildcards and labels.
            assert not set(name) & set("/\\{}\n\r\t\0*?'\"$`;|&<>") and not name.startswith(("-", ".")), (block, name)  # noqa: PT018


@pytest.mark.parametrize("name", NAMES)
def test_a_column_of_any_name_is_read_or_refused(tmp_path, name):
    path = tmp_path / "s.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["t", "other", name])
        writer.writerows([f"2020-01-{day:02d}", 99 + day, day % 7] for day in range(1, 29))
    try:
        found = load_series("s", {"path": str(path), "time": "t", "value": name})
    except KoopflowError as error:
        one_line(error)
    else:
        assert found.values.tolist() == [day % 7 for day in range(1, 29)]


@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_of_any_name_is_taken_by_its_name_or_left_out(tmp_path, name):
    for step in range(3):
        torch.save(
            {name: torch.full((2, 2), float(step)), "fc.weight": torch.eye(2) * step}, tmp_path / f"step-{step}.pt"
        )
    try:
        path = convert_folder(
            tmp_path, tmp_path / "out" / "t.h5" if (tmp_path / "out").mkdir() else tmp_path / "out/t.h5"
        )
    except KoopflowError as error:
        one_line(error)
        return
    with Trajectory(path) as found:
        names = [parameter.name for parameter in found.parameters]
        assert "fc.weight" in names
        assert set(names) <= {"fc.weight", name}
        if name in names:
            assert found.read(found.columns([name.replace("[", "[[]")]))[0, :, 0].tolist() == [0.0, 1.0, 2.0]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "step-0.pt", "step-1.pt", "step-2.pt"]


@pytest.mark.parametrize(
    "name", [n for n in NAMES if n.strip(".") and not set(n) & set("/\0") and len(n.encode()) < 240]
)
def test_a_file_of_any_name_is_read(tmp_path, name):
    path = tmp_path / f"{name}.csv"
    path.write_text("t,v\n" + "".join(f"2020-01-{day:02d},{day}\n" for day in range(1, 29)))
    refused = any(character in "{}<>" or ord(character) < 32 for character in name)
    fate = outcome(lambda: load_series("s", {"path": str(path), "time": "t", "value": "v"}), path)
    assert fate == ("named" if refused else "read")
    folder = tmp_path / name
    folder.mkdir()
    for step in range(2):
        np.save(folder / f"step-{step}.npy", np.full(3, step, np.float32))
    with Trajectory(convert_folder(folder, tmp_path / "t.h5")) as found:
        assert found.steps.tolist() == [0, 1]


# ----------------------------------------------------------------------------------------- files
def npy(shape: str, descr: str = "'<f8'") -> bytes:
    head = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}"
    head += " " * (63 - (10 + len(head)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode()


def zipped(members: dict[str, bytes], **options: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return content.getvalue()


def bomb() -> bytes:
    """A hundred megabytes of zeros in each of the arrays that an archive of images has."""
    content = io.BytesIO()
    with (
        zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file,
        file.open("x_train.npy", "w", force_zip64=True) as out,
    ):
        out.write(npy("(40000000000,)", "'|u1'"))
        for _ in range(100):
            out.write(bytes(1 << 20))
    return content.getvalue()


def saved(tensors: object) -> bytes:
    content = io.BytesIO()
    torch.save(tensors, content)
    return content.getvalue()


def header(fields: object, promised: int | None = None) -> bytes:
    text = json.dumps(fields).encode() if not isinstance(fields, bytes) else fields
    return struct.pack("<Q", len(text) if promised is None else promised) + text


CONTENTS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "one byte": lambda: b"\x00",
    "a line end": lambda: b"\n",
    "zeros": lambda: bytes(1 << 16),
    "ones": lambda: b"\xff" * 4096,
    "spaces": lambda: b" " * 100_000,
    "words": lambda: b"this is not the file that you are looking for\n" * 20,
    "no UTF-8": lambda: "t,v\n1,ü\n".encode("latin-1"),
    "UTF-16": lambda: "t,v\n1,2\n".encode("utf-16"),
    "a page": lambda: b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "a pointer of Git LFS": lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n",
    "JSON": lambda: b'{"a": [1, 2, {"b": null}]}',
    "deep JSON": lambda: b"[" * 100_000,
    "PNG": lambda: b"\x89PNG\r\n\x1a\n" + bytes(40),
    "huge PNG": lambda: b"\x89PNG\r\n\x1a\n"
    + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0, 0),
    "PDF": lambda: b"%PDF-1.4\n1 0 obj\n",
    "HDF5 magic": lambda: b"\x89HDF\r\n\x1a\n",
    "HDF5 of ones": lambda: b"\x89HDF\r\n\x1a\n" + b"\xff" * 2000,
    "ZIP magic": lambda: b"PK\x03\x04",
    "empty ZIP": lambda: zipped({}),
    "ZIP of words": lambda: zipped({"a.txt": b"words"}),
    "ZIP that climbs": lambda: zipped({"../../escape.npy": npy("(1,)") + bytes(8)}),
    "ZIP with one name twice": lambda: zipped({"x_train.npy": npy("(1,)") + bytes(8)}) * 2,
    "ZIP bomb": bomb,
    "ZIP cut": lambda: zipped({"archive/data.pkl": bytes(5000)})[:-30],
    "npy magic": lambda: b"\x93NUMPY",
    "npy of terabytes": lambda: npy("(1000000000000,)"),
    "npy of negative size": lambda: npy("(-5,)"),
    "npy of many axes": lambda: npy("(" + "1," * 200 + ")"),
    "npy of objects": lambda: npy("(1,)", "'|O'") + b"\x80\x04N.",
    "npy that calls": lambda: npy("__import__('os').getpid()"),
    "npy with a long head": lambda: b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b"{" * 100,
    "npz of terabytes": lambda: zipped({"x_train.npy": npy("(1000000000000,)"), "y_train.npy": npy("(3,)")}),
    "safetensors of exabytes": lambda: header({}, 2**60),
    "safetensors beyond its end": lambda: header({"w": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 2**40]}}),
    "safetensors of no type": lambda: header({"w": {"dtype": "F31", "shape": [1], "data_offsets": [0, 4]}}) + bytes(4),
    "safetensors that overlap": lambda: header(
        {n: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in "ab"}
    )
    + bytes(4),
    "safetensors of text": lambda: header(b"not json"),
    "safetensors of deep JSON": lambda: header(b"[" * 50_000),
    "safetensors cut": lambda: tensors_as_bytes({"w": np.ones((9, 9), np.float32)})[:-7],
    "pickle end": lambda: b".",
    "pickle of nothing": lambda: b"\x80\x04N.",
    "pickle that loops": lambda: b"\x80\x04(" + b"K\x01" * 5000,
    "pickle of deep lists": lambda: b"\x80\x04" + b"]" * 50_000 + b"." ,
    "pickle of a huge string": lambda: b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"a",
    "torch of a number": lambda: saved(3),
    "torch of nothing": lambda: saved({}),
    "torch of a list": lambda: saved([torch.ones(2), torch.ones(3)]),
    "torch of strings": lambda: saved({"w": "words", 1: None}),
    "torch of a loop": lambda: saved((lambda d: d.update(me=d) or d)({"w": torch.ones(2)})),
    "torch of a wide view": lambda: saved({"w": torch.zeros(1).expand(1 << 12, 1 << 12)}),
    "gzip": lambda: gzip.compress(b"\x00\x00\x08\x03" + struct.pack(">III", 2**31, 28, 28)),
    "gzip bomb": lambda: gzip.compress(bytes(200 << 20)),
    "gzip cut": lambda: gzip.compress(b"words" * 1000)[:20],
    "idx of terabytes": lambda: b"\x00\x00\x08\x03" + struct.pack(">III", 2**31, 2**15, 2**15),
    "parquet magic": lambda: b"PAR1" + b"\xff" * 40 + b"PAR1",
    "YAML bomb": lambda: BOMB.encode(),
    "YAML that calls": lambda: b"a: !!python/object/apply:os.getpid []\n",
    "a wide CSV": lambda: ",".join(f"c{i}" for i in range(200_000)).encode() + b"\n",
    "a long CSV field": lambda: b"t,v\n1," + b"9" * (3 << 20) + b"\n",
    "a CSV of quotes": lambda: b't,v\n"' + b'""' * 100_000,
    "a CSV without an end": lambda: b't,v\n1,"2\n' + b"3,4\n" * 1000,
    "a CSV of NUL": lambda: b"t,v\n1,\x002\n\x00,3\n2,4\n",
    "digits": lambda: b"t,v\n1," + b"1" * 5000 + b"\n2,3\n3,4\n",
}  # fmt: skip


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


ODD_FILES: dict[str, Callable[[Path], object]] = {
    "folder": lambda path: path.mkdir(),
    "pipe": os.mkfifo,
    "socket": _socket,
    "link to itself": _loop,
    "link to nothing": lambda path: path.symlink_to("nowhere"),
    "link to its folder": lambda path: path.symlink_to("."),
    "link to zeros": lambda path: path.symlink_to("/dev/zero"),
    "link to a terminal": lambda path: path.symlink_to("/dev/tty"),
    "link to nothing at all": lambda path: path.symlink_to("/dev/null"),
}


def test_the_corpus_is_large():
    assert len(set(NAMES)) + len(set(MARKUP)) + len(CONTENTS) + len(ODD_FILES) > 250


def everywhere(folder: Path, put: Callable[[Path], object]) -> None:
    """Put a file at every place where one can come in, and read it there."""
    (folder / "tree/test/cat").mkdir(parents=True)
    for name, read in places(folder).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        numbered = {path.with_name(path.name.replace("1", "2")), path.with_name(path.name.replace("0", "1"))}
        for each in (path, *(numbered - {path})):
            put(each)
        if name == "config.yaml":
            read = lambda path=path: read_config(path)  # noqa: E731
        if name.startswith("results/"):
            read()  # yields what is wrong
            continue
        try:
            read()
        except KoopflowError as error:
            one_line(error)


@pytest.mark.parametrize("content", CONTENTS)
def test_any_content_at_any_place_ends_well(tmp_path, content):
    data = CONTENTS[content]()
    with bounded():
        everywhere(tmp_path, lambda path: path.write_bytes(data))
    assert not list(tmp_path.parent.glob("escape*"))


@pytest.mark.parametrize("kind", ODD_FILES)
def test_what_is_no_file_at_any_place_ends_well(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    with bounded():
        everywhere(tmp_path, ODD_FILES[kind])


def test_the_bound_on_time_works(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TimeoutError), bounded(0.2):
        (tmp_path / "pipe").read_bytes()


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """The process may not read every file: root, who may, becomes nobody for a while."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)


def test_an_unreadable_file_is_named(ordinary_user):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.csv"
        path.write_text("t,v\n1,2\n")
        path.chmod(0)
        with pytest.raises(PermissionError):
            path.read_bytes()
        assert outcome(lambda: load_series("s", {"path": str(path), "time": "t", "value": "v"}), path) == "named"


def test_archives_of_images_are_whole_if_they_are_sound(tmp_path):
    """The places of this test do read sound files."""
    np.savez(tmp_path / "images.npz", **archive())
    places(tmp_path)["images.npz"]()
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"seed": 1}))
    assert read_config(tmp_path / "config.yaml") == {"seed": 1}
