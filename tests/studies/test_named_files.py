"""Every file of a user that a job's parameters name counts by its content."""

import gzip
from pathlib import Path

import pytest

from koopflow.io.digests import Digests
from koopflow.studies.named_files import digests_of_named


@pytest.fixture
def named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda value: dict(digests_of_named(Digests(tmp_path / "memory.json"), [tmp_path])(value))


def changes(named, value, file: Path, content: str) -> bool:
    """Return whether writing `content` into `file` changes what `value` names."""
    before = named(value)
    file.write_text(content)
    return named(value) != before


def test_a_users_module_counts_with_what_it_imports_from_beside_it(named, tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "__init__.py").write_text("from .layers import width\n")
    (tmp_path / "parts" / "layers.py").write_text("width = 3\n")
    (tmp_path / "mynet.py").write_text("import numpy\ndef build(shape, classes):\n    from parts import width\n")
    (tmp_path / "other.py").write_text("")
    study = {"model": {"name": "mynet:build", "arguments": {}}, "batch_size": 3}
    assert {Path(path).name for path in named(study)} == {"mynet.py", "__init__.py", "layers.py"}
    assert changes(named, study, tmp_path / "parts" / "layers.py", "width = 4\n")
    assert not changes(named, study, tmp_path / "other.py", "x = 1\n")
    assert changes(named, study, tmp_path / "mynet.py", "def build(:\n"), "a syntax error is for the check to name"


@pytest.mark.parametrize("target", ["mynet:score", "mynet:build"])
@pytest.mark.parametrize("key", ["score", "measure", "coupling", "source", "anything"])
def test_a_module_counts_wherever_it_is_named(named, tmp_path, key, target):
    (tmp_path / "mynet.py").write_text("")
    assert changes(named, {"one": [{key: target}]}, tmp_path / "mynet.py", "x = 1\n")
    assert changes(named, {"methods": ["persistence", target]}, tmp_path / "mynet.py", "x = 2\n")


def test_what_is_installed_or_no_module_names_no_file(named):
    value = {"model": "torchvision.models:resnet18", "statement": "a: b", "paper": "arXiv 2302.09160", "n": 1}
    assert named(value) == {}


def test_the_library_names_no_file_of_a_user_and_paths_are_relative(named, tmp_path):
    checkout = Path(__file__).parents[2]
    library = {"function": "koopflow.studies.checks.pruning:check"}
    assert digests_of_named(Digests(tmp_path / "memory.json"), [checkout])(library) == []
    (tmp_path / "mynet.py").write_text("")
    assert list(named({"model": "mynet:build"})) == ["mynet.py"]


@pytest.mark.parametrize(
    "block", [{"source": "npz", "path": "a.npz"}, {"trajectory": "a.npz"}, {"path": ["b.h5", "a.npz"]}]
)
def test_files_count_by_content(named, tmp_path, block):
    (tmp_path / "a.npz").write_text("1")
    assert changes(named, {"spec": block}, tmp_path / "a.npz", "2")


@pytest.mark.parametrize("key", ["arguments", "options"])
def test_a_file_that_an_option_of_a_users_function_names_counts(named, tmp_path, key):
    (tmp_path / "table.dat").write_text("1")
    assert changes(named, {key: {"deep": [{"read_from": "table.dat"}]}}, tmp_path / "table.dat", "2")
    assert not changes(named, {"label": "table.dat"}, tmp_path / "table.dat", "3")
    assert named({key: {"kind": "mean", "n": 3}}) == {}


def test_a_file_replaced_inside_a_folder_counts(named, tmp_path):
    (tmp_path / "rounds").mkdir()
    (tmp_path / "rounds" / "round-1.pt").write_text("1")
    assert changes(named, {"external": {"mine": {"folder": "rounds"}}}, tmp_path / "rounds" / "round-1.pt", "2")


def test_torchvisions_files_count_once_they_are_replaced(named, tmp_path):
    data = {"spec": {"source": "teacher", "like": "real"}, "named": {"real": {"source": "mnist"}}, "root": "data"}
    before = named(data)
    folder = tmp_path / "data" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"original", mtime=0))
    digests = Digests(tmp_path / "memory.json")
    assert dict(digests_of_named(digests, [tmp_path])(data)) == before, "a download is no change"
    digests.save()
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"damaged", mtime=0))
    assert named(data) != before
