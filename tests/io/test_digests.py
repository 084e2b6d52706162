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


def test_the_jobs_of_a_run_take_the_digests_with_which_it_began(tmp_path):
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "a.npz"
    file.write_bytes(b"one")
    began = Digests(tmp_path / "memory.json")
    digest, folder = began.of(file), began.of(tmp_path / "data")
    began.save()
    file.write_bytes(b"three")
    job = Digests(tmp_path / "memory.json", trusted=True)
    assert (job.of(file), job.of(tmp_path / "data")) == (digest, folder)
    assert Digests(tmp_path / "memory.json").of(file) != digest


def test_a_download_is_no_change_and_a_file_replaced_later_is(tmp_path):
    file = tmp_path / "images"
    assert Digests(tmp_path / "memory.json").since_first_seen(file) == "unchanged"
    file.write_bytes(b"downloaded")
    found = Digests(tmp_path / "memory.json")
    assert found.since_first_seen(file) == "unchanged"
    found.save()
    file.write_bytes(b"replaced by the user")
    assert Digests(tmp_path / "memory.json").since_first_seen(file) not in ("unchanged", "absent")
