"""A run's configuration is frozen when it starts."""

import json

import pytest

from koopflow.core.errors import KoopflowError
from koopflow.workflow import run_configuration
from koopflow.workflow.run_configuration import freeze, frozen, without_record


@pytest.fixture(autouse=True)
def no_run_is_on(monkeypatch):
    """Start without a run, and leave none behind: `freeze` sets the variable for the jobs of this
    process."""
    monkeypatch.setenv(run_configuration.VARIABLE, "")
    monkeypatch.delenv(run_configuration.VARIABLE)


def test_a_job_reads_what_the_run_has_frozen(tmp_path):
    assert frozen() is None
    path = freeze({"seed": 1, "results": "Ergebnisse"}, tmp_path / "koopflow")
    assert frozen() == {"seed": 1, "results": "Ergebnisse"}
    assert freeze({"seed": 1, "results": "Ergebnisse"}, tmp_path / "koopflow") == path
    assert freeze({"seed": 2}, tmp_path / "koopflow") != path, "a second run must not replace the first one's"


@pytest.mark.parametrize("content", [None, "{", json.dumps([1])])
def test_a_configuration_that_cannot_be_read_is_one_line(tmp_path, content):
    path = freeze({"seed": 1}, tmp_path)
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(KoopflowError, match="start the run again"):
        frozen()


def test_results_without_a_record_are_named(tmp_path):
    results, records = tmp_path / "results", tmp_path / "metadata"
    assert without_record(results, records) is None
    (results / "pruning").mkdir(parents=True)
    (results / "pruning" / "accuracy.csv").write_text("a\n")
    assert "--forceall" in without_record(results, records)
    records.mkdir()
    assert "--forceall" in without_record(results, records)
    (records / "a record").touch()
    assert without_record(results, records) is None
