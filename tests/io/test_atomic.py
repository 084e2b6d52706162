"""A file is there whole or not at all, and two writers do not meet."""

import subprocess
import sys

import pytest

from koopflow.io.atomic import atomic_write
from tests.house import ROOT


def test_a_file_appears_with_its_folder_when_all_of_it_is_written(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with atomic_write(path) as partial:
        partial.write_text("half")
        assert not path.exists()
        partial.write_text("whole")
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("earlier")

    def fail() -> None:
        with atomic_write(path) as partial:
            partial.write_text("half")
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        fail()
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_each_of_several_writers_has_a_place_of_its_own(tmp_path):
    path = tmp_path / "a.txt"
    with atomic_write(path, concurrent=True) as ours:
        ours.write_text("ours")
        another = (
            f"from koopflow.io.atomic import atomic_write\nwith atomic_write({str(path)!r}, "
            "concurrent=True) as place: place.write_text('theirs')"
        )
        subprocess.run([sys.executable, "-c", another], cwd=ROOT, check=True)
        assert (path.read_text(), ours.read_text()) == ("theirs", "ours")
    assert path.read_text() == "ours"
