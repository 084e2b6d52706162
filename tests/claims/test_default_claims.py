"""The claims of the default study: what they are judged on, and of what they say that they speak."""

import pytest
import yaml

from koopflow.claims.registry import stage_of
from koopflow.data.images import load
from koopflow.studies import pruning
from tests.claims.test_claims import judged, skill
from tests.house import ROOT
from tests.studies.plans import DEFAULT, resolved

STATEMENTS = DEFAULT["claims"]["statements"]
PRUNING = {name: claim for name, claim in STATEMENTS.items() if "2110.14856" in claim["paper"]}


def test_full_batch_means_every_training_image():
    images = load("digits")
    assert pruning.plan(resolved()).studies["digits_mlp_full_batch"].batch_size == len(images.x_train) == 1438


@pytest.mark.parametrize("name", [name for name, claim in PRUNING.items() if claim.get("when") == "late"])
def test_late_agreement_is_judged_at_a_stated_training_loss_with_a_pooled_statistic(name):
    claim = PRUNING[name]
    assert 0 < claim["converged"] < 0.1
    assert claim["measure"] in ("mask_agreement", "least_mask_agreement", "mean_accuracy_gap")


def test_equivalence_is_claimed_in_the_papers_words_and_the_stronger_form_is_named():
    equal = {name: claim for name, claim in PRUNING.items() if claim.get("above") == 0.9}
    assert len(equal) == 5
    for claim in equal.values():
        assert ("can be equivalent" in claim["statement"]) != ("(stronger)" in claim["paper"])


@pytest.mark.parametrize("study", ["series", "grokking", "transfer"])
def test_a_study_with_claims_of_its_own_judges_no_others(study):
    own = yaml.safe_load((ROOT / "config" / f"{study}.yaml").read_text(encoding="utf-8"))["claims"]
    assert own["replace"]
    assert len({stage_of(claim["measure"]) for claim in own["statements"].values()}) == 1


def test_claims_on_forecasts_say_over_how_many_series():
    row = judged("skill_over_sliding", {"series": ["a", "b"]}, {"above": 0.0}, skill(0.4))
    assert row["unit"] == "forecast origins of 2 series"
    one = judged("skill_over_sliding", {"series": ["a"]}, {"above": 0.0}, skill(0.4))
    assert one["unit"] == "forecast origins of 1 series"
