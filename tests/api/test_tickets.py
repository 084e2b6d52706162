"""`kf.iterative_pruning`: chains, their exponents, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import koopflow as kf
from koopflow.core.errors import KoopflowError
from koopflow.data import images
from koopflow.io.columns import TICKET_EXPONENTS, TICKET_PREDICTORS

SETUP = {
    "model": {"name": "mlp", "widths": [8], "bias": False},
    "optimizer": {"name": "sgd", "learning_rate": 0.1},
    "batch_size": 20,
    "steps": 10,
}


@pytest.fixture(scope="module")
def digits():
    return images.load({"source": "digits", "train_size": 100, "test_size": 50})


def test_a_chain_has_exponents_and_is_extended_to_the_same_bits(digits, tmp_path):
    kf.iterative_pruning(SETUP, digits, rounds=3, seeds=2, checkpoints=tmp_path)
    extended = kf.iterative_pruning(SETUP, digits, rounds=6, seeds=2, checkpoints=tmp_path)
    whole = kf.iterative_pruning(SETUP, digits, rounds=6, seeds=2)
    np.testing.assert_array_equal(np.array(whole.accuracy), np.array(extended.accuracy))
    exponents = whole.exponents()
    assert list(exponents.columns) == list(TICKET_EXPONENTS)
    assert exponents.equals(extended.exponents())
    assert repr(whole) == "Chain(digits: 6 rounds of 2 seeds)"


def test_impossible_chains_are_refused_in_one_line(digits):
    with pytest.raises(KoopflowError, match="must be strictly between 0 and 1"):
        kf.iterative_pruning(SETUP, digits, fraction=1.2)
    with pytest.raises(KoopflowError, match="needs the key 'steps'"):
        kf.iterative_pruning({key: value for key, value in SETUP.items() if key != "steps"}, digits)
    with pytest.raises(KoopflowError, match=r"images must come from .* \(got ndarray\)"):
        kf.iterative_pruning(SETUP, np.zeros((3, 3)))
    for options, message in [
        ({"rounds": 2.5}, r"^rounds must be a whole number of at least 1 \(got 2.5\)$"),
        ({"seeds": 0}, r"^seeds must be a whole number of at least 1 \(got 0\)$"),
        ({"rewind_step": "a"}, "^rewind_step must be a whole number"),
        ({"seed": -1}, "^seed must be a whole number"),
        ({"fraction": "a"}, "^fraction must be strictly between 0 and 1"),
        ({"checkpoints": __file__}, "checkpoints must be a folder"),
        ({"setup": 3}, r"^a training set-up must be a mapping with the keys .* \(got 3\)$"),
        ({"setup": SETUP | {"steps": "a"}}, r"^steps must be a whole number of at least 1 \(got 'a'\)$"),
    ]:
        with pytest.raises(KoopflowError, match=message):
            kf.iterative_pruning(**{"setup": SETUP, "images": digits, **options})


def test_without_a_calibration_it_cannot_be_said_whether_a_ticket_transfers(digits, tmp_path):
    ticket = kf.iterative_pruning(SETUP, digits, rounds=2, seeds=2).ticket(1)
    found = kf.will_transfer(ticket, digits, calibration=tmp_path / "none.csv")
    assert str(found).startswith("cannot say (there is no calibration")
    with pytest.raises(KoopflowError, match=r"images must come from .* \(got ndarray\)"):
        kf.will_transfer(ticket, np.zeros((3, 3)))
    table = pd.DataFrame([["x", "a", "b", 0.5, 0.1, 0.2, "yes", "mlp-8", "yes", 0.9]], columns=list(TICKET_PREDICTORS))
    for options, message in [
        ({"calibration": table.drop(columns="model")}, "the calibration must have a column 'model'"),
        ({"calibration": table.assign(score="high")}, "column 'score' of the calibration must hold numbers"),
        ({"calibration": table.assign(density=0.0)}, r"densities of the calibration must be positive \(got 0\)"),
        ({"calibration": 3}, r"calibration must be a table or a path \(got int\)"),
        ({"ticket": 3}, r"ticket must be weights and masks, from chain.ticket\(round\) \(got int\)"),
        ({"level": 90}, r"^level must be strictly between 0 and 1 \(got 90\)$"),
        ({"threshold": "a"}, "^threshold must be strictly between 0 and 1"),
    ]:
        with pytest.raises(KoopflowError, match=message):
            kf.will_transfer(**{"ticket": ticket, "images": digits, **options})
