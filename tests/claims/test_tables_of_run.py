"""A measure of the user's own may read any table of the run; registered ones read those that their
stages name, and only of stages with claims."""

import pytest

from koopflow.claims.registry import MEASURES, stage_of
from koopflow.config.claims import ClaimsSettings
from koopflow.studies.claims import Claims

MINE = {"paper": "mine", "statement": "It holds.", "measure": "mymeasures:dense", "above": 0}


class Asked:
    """A study of claims alone."""

    def __init__(self, **statements: dict):
        self.claims = ClaimsSettings.load({"statements": statements})


@pytest.mark.parametrize(
    ("measure", "tables"),
    [
        ("mymeasures:dense", ["tickets/flow.csv", "tickets/rounds.csv"]),
        ("scaling", ["tickets/flow.csv"]),
        ("skill_over_series", ["forecast/skill.csv"]),
    ],
)
def test_the_tables_that_claims_are_judged_from(measure, tables):
    plan = Claims(Asked(it=MINE | {"measure": measure}))
    claimed = {"forecast": ("forecast/skill.csv",), "tickets": ("tickets/flow.csv",)}
    assert plan.tables(claimed, ["tickets/rounds.csv", "tickets/flow.csv"]) == tables


def test_every_measure_names_a_stage():
    assert {stage_of(measure) for measure in MEASURES} == {"equivalence", "grokking", "pruning", "tickets", "forecast"}


def test_the_file_of_ones_own_measure_is_an_input(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = Claims(Asked(it=MINE, again=MINE, other=MINE | {"measure": "scaling"}))
    assert plan.code == []
    (tmp_path / "mymeasures.py").touch()
    assert plan.code == ["mymeasures.py"]
