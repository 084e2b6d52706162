"""Settings: frozen, strict, refused in one line, and dumped as they were given."""

import json

import pytest
from pydantic import Field

from koopflow.config.base import Block
from koopflow.config.claims import ClaimSettings
from koopflow.config.common import Count, CountOrNull, Omittable
from koopflow.config.equivalence import EquivalenceTraining, OptimizersStudy, Setup
from koopflow.config.series import SeriesSettings
from koopflow.config.training import ModelSettings, OptimizerSettings
from koopflow.core.errors import KoopflowError

SETUP = {
    "steps": 100,
    "data": "digits",
    "model": {"widths": [5, 3], "name": "mlp"},
    "optimizer": {"name": "sgd", "learning_rate": 1, "schedule": {"name": "cosine"}},
    "batch_size": 10,
    "koopman": {"observables": ["last"], "delays": 2, "rank": 10},
}


def test_a_dump_gives_back_what_was_loaded_in_the_same_order():
    assert json.dumps(Setup.load(SETUP).dump()) == json.dumps(SETUP)
    claim = {"paper": "p", "statement": "s", "measure": "m", "a": [1], "below": 0.5, "b": "x"}
    assert json.dumps(ClaimSettings.load(claim).dump()) == json.dumps(claim)
    assert ClaimSettings.load(claim).options == {"a": [1], "b": "x"}


def test_a_whole_number_stays_one_where_a_number_is_needed():
    rank = Setup.load(SETUP).koopman.rank
    assert (rank, type(rank)) == (10, int)
    assert type(Setup.load({**SETUP, "koopman": {**SETUP["koopman"], "rank": 0.5}}).koopman.rank) is float


def test_a_number_with_a_point_is_whole_where_a_whole_number_is_needed():
    assert type(Setup.load({**SETUP, "steps": 100.0}).steps) is int


def test_readers_find_defaults_and_dumps_leave_them_out():
    optimizer = OptimizerSettings.load({"name": "adam", "learning_rate": 0.1})
    assert optimizer.betas == (0.9, 0.999)
    assert optimizer.dump() == {"name": "adam", "learning_rate": 0.1}


def test_the_dump_of_a_block_has_its_defaults_after_the_given_keys():
    assert list(OptimizersStudy.load({"states": 40}).dump()) == [
        *("states", "dimension", "step_length", "grid", "delays", "shuffles", "draws")
    ]


class Sizes(Block):
    most: Omittable[Count] = Field(default=None, description="Omittable.")
    each: CountOrNull = Field(default=None, description="Null is a value.")


def test_the_dump_of_a_block_leaves_out_keys_without_a_default():
    assert Sizes.load({}).dump() == {"each": None}
    assert Sizes.load(Sizes.load({}).dump()) == Sizes()
    assert Sizes.load({"most": 3}).dump() == {"most": 3, "each": None}


def test_the_name_momentum_has_momentum():
    assert OptimizerSettings(name="momentum", learning_rate=0.1).momentum == 0.9
    assert OptimizerSettings(name="momentum", learning_rate=0.1, momentum=0.5).momentum == 0.5
    assert OptimizerSettings(name="sgd", learning_rate=0.1).momentum == 0.0


def test_settings_are_equal_when_their_values_are():
    one = OptimizerSettings.load({"name": "sgd", "learning_rate": 0.1})
    assert one == OptimizerSettings.load({"learning_rate": 0.1, "name": "sgd", "momentum": 0.0})
    assert hash(one) == hash(OptimizerSettings(learning_rate=0.1, name="sgd"))
    assert one != OptimizerSettings(learning_rate=0.2, name="sgd")
    assert ClaimSettings.load({"paper": "p", "statement": "s", "measure": "m", "a": 1}) != ClaimSettings.load(
        {"paper": "p", "statement": "s", "measure": "m", "a": 2}
    )


def test_settings_are_frozen():
    with pytest.raises(Exception, match="frozen"):
        OptimizerSettings(name="sgd", learning_rate=0.1).momentum = 0.5


def test_a_part_is_checked_and_stays_a_mapping():
    training = EquivalenceTraining.load({"base": {"model": {"widths": [5.0]}}, "setups": {"a": {"batch_size": 3}}})
    assert training.base == {"model": {"widths": [5]}}
    with pytest.raises(KoopflowError, match=r"base\.model\.widths"):
        EquivalenceTraining.load({"base": {"model": {"widths": [0]}}})


def test_null_is_refused_where_a_key_may_be_left_out():
    assert SeriesSettings.load({}).period is None
    with pytest.raises(KoopflowError, match="period"):
        SeriesSettings.load({"period": None})


def test_options_of_a_model_are_those_given():
    model = ModelSettings(name="a.b:c", bias=False, arguments={"depth": 3})
    assert model.options() == {"bias": False, "depth": 3}
