"""Digests follow content, not time, and are computed again only where a file may have changed."""

import os

from koopflow.io import digests
from koopflow.io.digests import Digests


def test_a_digest_follows_the_content_of_a_file_and_of_a_folder(tmp_path):
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "a.npz"
    file.write_bytes(b"one")
    found = Digests(tmp_path / "memory.json")
    first, folder = found.of(file), found.of(tmp_path / "data")
    os.utime(file, ns=(1, 1))
    assert (found.of(file), found.of(tmp_path / "data")) == (first, folder)
    file.write_bytes(b"two")
    assert found.of(file) != first
    assert found.of(tmp_path / "data") != folder
    file.rename(file.with_name("b.npz"))
    assert found.of(tmp_path / "data") not in (folder, "absent")
    assert found.of(file) == "absent"


def test_an_unchanged_file_is_read_once_over_several_runs(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(digests, "_content", lambda path: read.append(path.name) or "0" * 32)
    (tmp_path / "a.csv").write_text("1")
    first = Digests(tmp_path / "memory.json")
    assert first.of(tmp_path / "a.csv") == first.of(tmp_path / "a.csv") == "0" * 32
    first.save()
    assert Digests(tmp_path / "memory.json").of(tmp_path / "a.csv") == "0" * 32
    assert read == ["a.csv"]


def test_a_damaged_memory_is_computed_anew_and_a_folder_without_room_is_no_error(tmp_path):
    (tmp_path / "a.csv").write_text("1")
    (tmp_path / "memory.json").write_text("{damaged")
    found = Digests(tmp_path / "memory.json")
    digest = found.of(tmp_path / "a.csv")
    found.save()
    assert Digests(tmp_path / "memory.json").of(tmp_path / "a.csv") == digest
    blocked = Digests(tmp_path / "a.csv" / "memory.json")
    assert blocked.of(tmp_path / "a.csv") == digest
    blocked.save()
