"""The plan of the grokking study: its sweep, what it measures, and what it refuses."""

import pytest

from koopflow.core.errors import KoopflowError
from koopflow.studies import grokking
from koopflow.studies.papers import plan as papers_plan
from tests.studies.plans import resolved


def plan(**block):
    return grokking.plan(resolved({"grokking": block}))


def test_a_sweep_spreads_its_networks_evenly_and_keeps_them_when_it_grows():
    few, many = (plan(sweep={"networks": count}).settings for count in (10, 60))
    swept = [setup for name, setup in many.items() if name.startswith("sweep-")]
    assert len(swept) == 60
    assert [few["sweep-3"].dump(), few["sweep-9"].dump()] == [swept[3].dump(), swept[9].dump()]
    shares = sorted(setup.share for setup in swept)
    assert (shares[0], shares[-1]) == (pytest.approx(0.4, abs=0.02), pytest.approx(0.7, abs=0.02))
    assert 25 <= sum(setup.optimizer.learning_rate < (0.002 * 0.01) ** 0.5 for setup in swept) <= 35


def test_a_fit_takes_the_measured_time_within_a_factor_of_two():
    """9.2 s of processor, 10.7 s in all, for twice 20 networks at p = 113 and twice 20 at the study's own."""
    large = {"prime": 113, "share": 0.3, "model": {"width": 128, "arguments": {"hidden": 512}}, "steps": 100}
    two = plan(seeds=20, settings={"a": {}, "b": {}, "c": large, "d": large}, pairs=[["a", "b"], ["c", "d"]])
    assert 9.2 / 2 < two.fit_estimate().seconds < 2 * 10.7


def test_a_fit_of_pooled_copies_takes_the_measured_memory_within_a_factor_of_two():
    """1,800 MiB for ten copies of 200 states at p = 113."""
    large = {"prime": 113, "share": 0.3, "model": {"width": 128, "arguments": {"hidden": 512}}}
    pooled = plan(settings={"a": {**large, "steps": 200, "copies": 10, "spectrum_states": 200}}, pairs=[])
    assert 1800 < pooled.fit_estimate().mem_mb < 2 * 1800


def test_curves_are_measured_early_and_late():
    steps = plan().measured("decay")
    assert steps[:3] == [0, 5, 10]
    assert 100 in steps
    assert steps[-1] == 800


def test_no_setting_and_no_sweep_skip_the_study():
    empty = plan(settings={}, pairs=[])
    assert empty.settings == {}
    assert grokking.figures(empty) == []


@pytest.mark.parametrize(
    ("block", "line"),
    [
        ({"settings": {"sweep-1": {}}, "pairs": []}, r"grokking.settings.sweep-1: names that begin with sweep-"),
        ({"base": {"steps": 50}}, r"grokking.settings.decay.steps must be at least 100, the first_steps .* \(got 50\)"),
        ({"first_steps": 42}, r"grokking.first_steps must be at least 43 for 32 delays, rank 10 .* \(got 42\)"),
        ({"pairs": [["decay", "helt"]]}, r"grokking.pairs: .*helt.*"),
        ({"sweep": {"networks": 2, "share": [0.7, 0.4]}}, r"a range must not end below its beginning"),
    ],
)
def test_what_cannot_be_computed_is_one_line(block, line):
    with pytest.raises(KoopflowError, match=line) as error:
        plan(**block)
    assert "\n" not in str(error.value)


def test_a_prime_that_is_none_is_one_line():
    with pytest.raises(KoopflowError, match=r"^grokking.base.prime must be a prime number, such as 113 \(got 33\)$"):
        plan(base={"prime": 33})


def test_a_pair_of_which_one_norm_is_held_regenerates_figure_5():
    parts = [part for part in papers_plan(resolved()).parts if part.name == "grokking"]
    assert [part.names for part in parts] == [{"grokking": "decay", "constrained": "held"}]
    assert parts[0].settings["held_norm"] == 0.8


def test_as_many_states_are_recorded_as_the_first_steps_have():
    found = plan(settings={"decay": {}, "initial": {"first_state": 0}}, pairs=[])
    assert found.states("decay") == (1, 100)
    assert found.states("initial") == (0, 99)


def test_a_setting_may_have_more_states_in_its_spectra():
    found = plan(settings={"a": {"spectrum_states": 200, "first_state": 0}, "b": {}}, pairs=[])
    assert (found.states("a"), found.states("b")) == ((0, 199), (1, 100))
    settings = {"decay": {}, "held": {"spectrum_states": 200, "held_norm": 0.8}}
    part = papers_plan(resolved({"grokking": {"settings": settings}})).grokking()[""]
    assert (part.settings["states"], part.settings["constrained_states"]) == (100, 200)
    for states in (20, 802):
        with pytest.raises(KoopflowError, match=r"^grokking.settings.a.spectrum_states must be between 43, .* and 800"):
            plan(settings={"a": {"spectrum_states": states}}, pairs=[])
