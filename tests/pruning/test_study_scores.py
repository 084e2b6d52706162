"""Known scores, allocations and schedules in a study, and what its check refuses before training."""

import numpy as np
import pytest
import torch
import yaml
from torch import nn

import koopflow as kf
from koopflow.config.pruning import PruningMethod, PruningStudy
from koopflow.core.errors import KoopflowError
from koopflow.data import images as data
from koopflow.pruning import study, training
from koopflow.pruning.checks import check_study
from koopflow.pruning.job import Job
from koopflow.pruning.mask import Mask
from koopflow.pruning.methods import longest_window
from koopflow.trajectory import Trajectory
from tests.pruning.test_own_score import STUDY

METHODS = """
magnitude: {score: magnitude}
snip: {score: snip}
grasp: {score: grasp}
synflow: {score: synflow, schedule: iterative, rounds: 3}
fisher: {score: fisher}
wanda: {score: wanda, scope: output}
erk: {score: magnitude, scope: erk}
gradual: {score: magnitude, schedule: gradual, rounds: 2, round_epochs: 0.2}
movement: {score: movement}
"""
UNRECORDED = ["magnitude", "snip", "grasp", "synflow", "fisher", "wanda", "erk", "gradual"]


@pytest.fixture(scope="module")
def digits():
    return data.load({"source": "digits", "train_size": 200})


def settings(**changes) -> PruningStudy:
    given = yaml.safe_load(STUDY) | {"batch_size": 40, "compressions": [1, 4], "gradient_images": 60}
    return PruningStudy.load(given | changes)


def pruned(digits, folder, methods, **changes):
    """Return the tables of a study of one network, the file of its training and the job."""
    named = {name: PruningMethod.load(given) for name, given in yaml.safe_load(METHODS).items()}
    whole = settings(methods=methods, pairs="all", window=3, **changes)
    check_study("tiny", whole, named, digits)
    path = folder / "trajectories.h5"
    networks = training.train(whole, digits, training.Members("tiny", 0, [0]), path, longest_window(whole, named))
    with Trajectory(path) as trajectory:
        job = Job("tiny", whole, named, digits, trajectory, networks, 0)
        tables = study.run(job, masks=folder / "masks")
        return tables, job, trajectory.window(5, 5).read()[0, 0], trajectory.steps.tolist()


@pytest.fixture(scope="module")
def tables(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    found = pruned(digits, folder, UNRECORDED, save_masks={"at": [1], "compressions": [4]})
    return (*found, folder / "masks")


def test_every_known_score_prunes_in_a_study_and_every_two_methods_are_compared(tables):
    accuracy, overlap = tables[0]["accuracy"], tables[0]["overlap"]
    assert set(accuracy.method) == set(UNRECORDED)
    kept = accuracy[accuracy.compression == 4].kept
    assert set(kept) == {kept.iloc[0]}
    assert len(overlap[overlap.compression == 4]) == 8 * 7 // 2


def test_only_the_state_at_pruning_is_recorded_where_no_score_looks_back(tables, digits, tmp_path):
    assert tables[3] == [5]
    assert pruned(digits, tmp_path, ["movement", "magnitude"])[3] == [2, 3, 4, 5]


def test_a_study_and_the_library_prune_alike(tables, digits):
    _, _, weights, _, folder = tables
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.ReLU(), nn.Linear(10, 10))
    nn.utils.vector_to_parameters(torch.from_numpy(weights.copy()), model.parameters())
    probe = (torch.from_numpy(digits.x_train[:60]), torch.from_numpy(digits.y_train[:60]))
    for name in ("magnitude", "snip", "grasp", "fisher"):
        ours = kf.prune(model, name, 4, data=probe, prunable="all")
        theirs = Mask.load(next(folder.glob(f"*-{name}-epoch-1-compression-4.npz")))
        assert np.count_nonzero(ours.kept != theirs.kept) <= 2, name
    wanda = Mask.load(next(folder.glob("*-wanda-*")))
    assert np.ptp(wanda["layer1.weight"].sum(1)) <= 1


def test_training_between_rounds_changes_what_is_tested(tables):
    accuracy = tables[0]["accuracy"].set_index(["method", "compression"]).accuracy
    assert accuracy["gradual", 4] != accuracy["magnitude", 4]


def test_the_training_loss_at_pruning_does_not_depend_on_the_methods(tables, digits, tmp_path):
    loss = tables[0]["accuracy"].loss
    assert loss.nunique() == 1
    other = pruned(digits, tmp_path, ["movement", "magnitude"])[0]["accuracy"].loss
    assert other.iloc[0] == loss.iloc[0]
    assert 0 < loss.iloc[0] < 3


OWN = """
from koopflow.pruning.scoring import score


@score(needs={"gradient"})
def reads_modes(state):
    return state.modes.vectors[0]


def reads_nothing_known(state):
    return state.activations


@score()
def too_few(state):
    return state.weights[1:]


@score()
def of_these_numbers(state):
    raise ValueError("no eigenvalue is slow")
"""


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (
            "{score: 'scores_of_trial:reads_modes'}",
            "method mine: score .*AttributeError: .* it declares that it needs gradient",
        ),
        ("{score: 'scores_of_trial:reads_nothing_known'}", "method mine: .*no attribute 'activations'"),
        (
            "{score: 'scores_of_trial:too_few'}",
            r"method mine: .*one number per weight, shape \(760,\) \(got \(759,\)\)",
        ),
        (
            "{score: koopman_magnitude, window: 90}",
            r"studies\.tiny: method mine: window: must be from 2 to .* steps \(got 90\); set "
            r"pruning\.methods\.mine\.window, or methods and pairs of the study without mine",
        ),
        ("{score: movement, round_epochs: 1}", "method mine: round_epochs must be 0"),
    ],
)
def test_a_method_that_cannot_work_fails_in_the_check_and_is_named(digits, tmp_path, monkeypatch, method, message):
    (tmp_path / "scores_of_trial.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    methods = {"mine": PruningMethod.load(yaml.safe_load(method)), "magnitude": PruningMethod(score="magnitude")}
    with pytest.raises(KoopflowError, match=message):
        check_study("tiny", settings(window=3), methods, digits)


def test_an_error_that_depends_on_the_numbers_passes_the_check(digits, tmp_path, monkeypatch):
    (tmp_path / "scores_of_trial.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    methods = {
        "mine": PruningMethod(score="scores_of_trial:of_these_numbers"),
        "magnitude": PruningMethod(score="magnitude"),
    }
    check_study("tiny", settings(window=3), methods, digits)
