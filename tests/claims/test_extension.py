"""A user adds a claim in YAML, and a measure in one file beside the workflow."""

import sys

import pandas as pd
import pytest
import yaml

from koopflow.claims.tables import Tables
from koopflow.claims.verdicts import SUPPORTED, check_claims, judge
from koopflow.config.claims import ClaimsSettings
from koopflow.core.errors import KoopflowError

MODULE = '''
from koopflow.claims.estimate import over_units
from koopflow.claims.measures import measure


@measure("accuracy of the dense network (share of images)")
def dense_accuracy(tables, level, task: str | None = None, within: float = 1.0):
    rounds = tables.read("tickets/rounds.csv")
    rounds = rounds[(rounds["density"] == 1) & ((rounds["task"] == task) | (task is None))]
    return over_units(rounds.groupby("seed")["accuracy"].mean(), level, within=(0.0, within))


def undecorated(tables, level):
    """Mean accuracy of all rounds.

    More words.
    """
    return over_units(tables.read("tickets/rounds.csv").groupby("seed")["accuracy"].mean(), level)
'''
YAML = """
statements:
  dense:
    {{paper: mine, statement: Dense networks learn the task., measure: "mymeasures:{measure}", above: 0.5{options}}}
"""
ROUNDS = pd.DataFrame({"task": "a", "density": 1.0, "seed": range(4), "accuracy": [0.8, 0.82, 0.81, 0.79]})


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "mymeasures.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("mymeasures", None)


def claims(measure: str = "dense_accuracy", options: str = "") -> ClaimsSettings:
    return ClaimsSettings.load(yaml.safe_load(YAML.format(measure=measure, options=options)))


def test_a_measure_in_the_users_own_file_is_judged():
    row = judge(claims(options=", task: a"), Tables(given={"tickets/rounds.csv": ROUNDS})).iloc[0]
    assert (row["verdict"], row["n"]) == (SUPPORTED, 4)
    assert row["statistic"] == "accuracy of the dense network (share of images)"


def test_without_the_decorator_the_docstring_says_what_is_computed():
    assert check_claims(claims("undecorated"))["dense"].statistic == "Mean accuracy of all rounds"


@pytest.mark.parametrize(
    ("measure", "options", "said"),
    [
        ("dense_accuracy", ", tusk: a", "tusk: unknown option (did you mean task?)"),
        ("dense_accuracy", ", within: wide", "within: must be float (got 'wide')"),
        ("absent", "", "cannot be imported"),
    ],
)
def test_its_options_are_checked_before_anything_is_computed(measure, options, said):
    with pytest.raises(KoopflowError, match=r"^claims\.statements\.dense") as caught:
        check_claims(claims(measure, options))
    assert said in str(caught.value)
