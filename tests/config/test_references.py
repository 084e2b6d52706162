"""Data sets that refer to others, and files that must exist."""

import pytest

from koopflow.config.references import check
from koopflow.config.study import Study
from koopflow.core.errors import KoopflowError

SOURCES = ("digits", "teacher")


def study(**keys):
    return Study.load({"series": {"a": {}}, **keys})


def test_what_exists_is_accepted(tmp_path):
    (tmp_path / "run.h5").touch()
    data = {"a": {"source": "teacher", "like": "b"}, "b": {"source": "teacher", "like": "digits"}}
    external = {"external": {"e": {"folder": str(tmp_path)}}}
    check(study(data=data, trajectories={"t": {"path": [str(tmp_path / "run.h5")]}}, tickets=external), SOURCES)


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (
            {"data": {"a": {"source": "teacher", "like": "digit"}}},
            r"data\.a\.like: no data set or source named 'digit' \(did you mean digits\?\)",
        ),
        (
            {"data": {"a": {"source": "teacher", "like": "b"}, "b": {"source": "teacher", "like": "a"}}},
            r"data\.b\.like: a → b → a leads back to itself",
        ),
        ({"data": {"a": {"source": "teacher", "like": "a"}}}, r"data\.a\.like: a → a leads back to itself"),
        ({"trajectories": {"t": {"path": "absent.h5"}}}, r"trajectories\.t\.path: absent\.h5 does not exist"),
        ({"tickets": {"external": {"e": {"folder": "absent"}}}}, r"tickets\.external\.e\.folder: no folder absent"),
    ],
)
def test_what_is_absent_is_named(keys, line):
    with pytest.raises(KoopflowError, match=line):
        check(study(**keys), SOURCES)
