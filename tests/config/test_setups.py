"""Set-ups of the equivalence study: merged over their base, and refused where names or numbers do
not fit."""

import pytest

from koopflow.config.data import DataSet
from koopflow.config.equivalence import EquivalenceSettings, EquivalenceTraining
from koopflow.config.setups import parts, setups, window_studies
from koopflow.core.errors import KoopflowError

DATA = {"digits": DataSet(source="digits")}
BASE = {
    "data": "digits",
    "model": {"name": "mlp", "widths": [10]},
    "optimizer": {"name": "sgd", "learning_rate": 0.1},
    "batch_size": 20,
    "steps": 30,
    "koopman": {"observables": ["last"], "delays": 2, "rank": 3},
}


def found(base=BASE, **training):
    return setups(EquivalenceTraining.load({"base": base, "setups": {"a": {}}, **training}), DATA)


def test_a_setup_takes_from_the_base_what_it_leaves_out():
    setup = found(setups={"a": {"model": {"widths": [5]}}, "b": {"model": {"name": "lenet"}}})
    assert setup["a"].dump() == {**BASE, "model": {"name": "mlp", "widths": [5]}}
    assert setup["b"].model.dump() == {"name": "lenet"}


@pytest.mark.parametrize("name", ["data", "model", "optimizer", "batch_size", "steps", "koopman"])
def test_a_missing_key_is_named_with_the_two_places_for_it(name):
    base = {key: value for key, value in BASE.items() if key != name}
    line = (
        rf"^equivalence\.training\.setups\.a\.{name} is missing; set it here or in equivalence\.training\.base\.{name}$"
    )
    with pytest.raises(KoopflowError, match=line):
        found(base)


@pytest.mark.parametrize(
    ("training", "line"),
    [
        ({"setups": {"a": {"data": "digit"}}}, r"setups\.a\.data: no data set named 'digit' \(did you mean digits\?\)"),
        (
            {"setups": {"a": {"koopman": {"delays": 30}}}},
            r"setups\.a\.koopman\.delays must be at most 29, because 31 states",
        ),
        (
            {"capture_every": 10, "setups": {"a": {"koopman": {"delays": 3}}}},
            r"at most 2, because 4 states are captured \(got 3\)",
        ),
        (
            {"first_state": 1, "setups": {"a": {"koopman": {"delays": 29}}}},
            r"at most 28, because 30 states are captured \(got 29\)",
        ),
        ({"first_state": 31}, r"^equivalence\.training\.first_state must be at most 30, the steps of a \(got 31\)"),
        ({"comparisons": {"x": ["a", "b"]}}, r"comparisons\.x: no set-up named 'b'"),
        ({"comparisons": {"x": ["a", "a"]}}, r"comparisons\.x must not name a set-up twice \(got a, a\)"),
    ],
)
def test_what_does_not_fit_is_named(training, line):
    with pytest.raises(KoopflowError, match=line):
        found(**training)


def test_as_many_delays_as_the_states_allow_are_accepted():
    assert found(setups={"a": {"koopman": {"delays": 29}}})["a"].koopman.delays == 29


def test_an_ensemble_splits_into_whole_groups():
    assert parts(5, 10, None) == [(0, 5)]
    assert parts(5, 10, 20) == [(0, 2), (2, 4), (4, 5)]
    assert parts(2, 10, 3) == [(0, 1), (1, 2)]


@pytest.mark.parametrize(
    ("own", "line"),
    [
        ({"window": 31}, r"^equivalence\.windows\.w\.window must be at most 30, the steps \(got 31\)$"),
        ({"window": 4}, r"^equivalence\.windows\.w\.koopman\.delays must be at most 2, because a window has 4 states"),
        ({"window": 10, "koopman": {"rank": "stable"}}, r"^equivalence\.windows\.w\.koopman\.rank must be a number"),
        ({"window": 10, "data": "digit"}, r"windows\.w\.data: no data set named 'digit'"),
    ],
)
def test_a_window_that_does_not_fit_is_named(own, line):
    base = {**BASE, "koopman": {**BASE["koopman"], "delays": 3}}
    settings = EquivalenceSettings.load({"training": {"base": base}, "windows": {"w": own}})
    with pytest.raises(KoopflowError, match=line):
        window_studies(settings, DATA)
