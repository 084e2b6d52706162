"""A score is one file of the user's own, named in YAML; it declares what it needs, or gets
everything."""

import pytest
import yaml

from koopflow.config.pruning import PruningMethod, PruningStudy
from koopflow.core.errors import KoopflowError
from koopflow.data import images as data
from koopflow.pruning import study, training
from koopflow.pruning.checks import check_study
from koopflow.pruning.job import Job
from koopflow.pruning.methods import longest_window
from koopflow.pruning.scoring import score
from koopflow.trajectory import Trajectory

OWN = """
import numpy as np

from koopflow.pruning.checks import check_study
from koopflow.pruning.job import Job
from koopflow.pruning.methods import longest_window
from koopflow.pruning.scoring import score
from koopflow.trajectory import Trajectory

seen = []


@score(needs={"modes"})
def decaying(state, power: float = 1.0):
    seen.append((state.modes is not None, state.gradient is not None))
    fastest = np.argmin(np.abs(state.modes.eigenvalues))
    return np.abs(state.modes.vectors[fastest]) ** power


def undeclared(state):
    assert all(part is not None for part in (state.gradient, state.modes, state.generator, state.earlier))
    return state.generator.random(len(state.weights))
"""
STUDY = """
data: digits
model: {name: mlp, widths: [10]}
optimizer: {name: sgd, learning_rate: 0.1}
batch_size: 60
epochs: 1
seeds: 1
prune_epochs: [1]
window: 8
rank: 3
compressions: [4]
exclude: [classifier]
counted: prunable
methods: [mine, magnitude]
pairs: [[mine, magnitude]]
gradient_images: 0
finetune: {epochs: 0, at: []}
save_masks: {at: []}
"""


@pytest.fixture(scope="module")
def digits():
    return data.load({"source": "digits"})


def pruned(digits, folder, method):
    """Train and prune the study with `mine` as the YAML `method` says; return its tables."""
    whole = PruningStudy.load(yaml.safe_load(STUDY))
    methods = {"mine": PruningMethod.load(yaml.safe_load(method)), "magnitude": PruningMethod(score="magnitude")}
    check_study("tiny", whole, methods, digits)
    path = folder / "trajectories.h5"
    members = training.Members("tiny", 0, [0])
    networks = training.train(whole, digits, members, path, longest_window(whole, methods))
    with Trajectory(path) as trajectory:
        return study.run(Job("tiny", whole, methods, digits, trajectory, networks, 0))


def test_a_score_in_a_file_of_ones_own_gets_what_it_declares_and_nothing_else(digits, tmp_path, monkeypatch):
    (tmp_path / "my_scores_declared.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    tables = pruned(digits, tmp_path, "{score: 'my_scores_declared:decaying', options: {power: 2}}")
    assert set(tables["accuracy"].method) == {"mine", "magnitude"}
    import my_scores_declared

    assert set(my_scores_declared.seen) == {(True, False)}


def test_a_score_that_declares_nothing_gets_everything(digits, tmp_path, monkeypatch):
    (tmp_path / "my_scores_undeclared.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    assert len(pruned(digits, tmp_path, "{score: 'my_scores_undeclared:undeclared'}")["spectrum"]) == 3


def test_options_of_ones_own_score_are_checked_before_training(digits, tmp_path, monkeypatch):
    (tmp_path / "my_scores_checked.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(training, "train", None)
    with pytest.raises(KoopflowError, match=r"options\.power: must be float \(got 'two'\)"):
        pruned(digits, tmp_path, "{score: 'my_scores_checked:decaying', options: {power: two}}")


def test_no_modes_are_fitted_where_no_score_needs_them(digits, tmp_path):
    tables = pruned(digits, tmp_path, "{score: window_gradient}")
    assert tables["spectrum"].empty
    assert tables["cost"].empty


def test_an_unknown_need_is_refused_with_the_nearest():
    with pytest.raises(KoopflowError, match=r"'mode' \(did you mean modes\?\)"):
        score(needs={"mode"})
