"""The checks of the stages, which run on the login node of a cluster."""

import weakref

import pytest

from koopflow.core.errors import KoopflowError
from koopflow.data.images import load
from koopflow.studies import equivalence
from koopflow.studies.checks import equivalence as checks
from tests.studies.plans import resolved

SETUPS = {"a": {}, "b": {"data": "clusters"}, "c": {"batch_size": 30}}


def settings(setups: dict) -> dict:
    training = {"setups": setups, "comparisons": {}}
    plan = equivalence.plan(resolved({"equivalence": {"training": training, "windows": {}}}))
    return equivalence.STAGE.check.settings(plan)


def test_equivalence_holds_one_data_set_at_a_time_and_answers_in_the_order_of_the_set_ups(monkeypatch):
    loaded: list[weakref.ref] = []

    def watched(*given, **named):
        assert not [images for images in loaded if images()], "the set before is still in memory"
        images = load(*given, **named)
        loaded.append(weakref.ref(images))
        return images

    monkeypatch.setattr(checks, "load", watched)
    found = checks.check(**settings(SETUPS))
    sources = {name: entry["data"] for name, entry in found.items()}
    assert sources == {"a": "digits", "b": "gaussian clusters like digits", "c": "digits"}
    assert list(found) == ["a", "b", "c"]
    assert len(loaded) == 2


def test_a_set_up_that_cannot_be_trained_is_named():
    with pytest.raises(KoopflowError, match=r"^equivalence\.training\.setups\.b: "):
        checks.check(**settings(SETUPS | {"b": {"data": "clusters", "batch_size": 10**6}}))
