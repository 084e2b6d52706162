"""Studies of pruning: merged over their base, and refused where names, epochs or files do not
fit."""

import pytest

from koopflow.config.data import DataSet
from koopflow.config.pruning import PruningSettings
from koopflow.config.pruning_studies import pruning_studies
from koopflow.core.errors import KoopflowError

DATA = {"digits": DataSet(source="digits")}
BASE = {
    "data": "digits",
    "model": {"name": "mlp"},
    "optimizer": {"name": "sgd", "learning_rate": 0.1},
    "batch_size": 20,
    "epochs": 4,
    "seeds": 2,
    "prune_epochs": [1, 2.5],
    "window": 10,
    "rank": 3,
    "compressions": [1, 2],
    "counted": "all",
    "exclude": [],
    "methods": ["random"],
    "pairs": [["random", "magnitude"]],
    "gradient_images": 0,
    "finetune": {"epochs": 1, "at": [1]},
    "save_masks": {"at": [4]},
}
METHODS = {"random": {"score": "random"}, "magnitude": {"score": "magnitude"}}


def found(own, base=BASE):
    return pruning_studies(PruningSettings.load({"base": base, "studies": {"a": own}, "methods": METHODS}), DATA)["a"]


def test_a_study_takes_from_the_base_what_it_leaves_out():
    study = found({"epochs": 3, "prune_epochs": [1]})
    assert (study.epochs, study.prune_epochs, study.window, study.finetune.epochs) == (3, (1,), 10, 1)
    assert study.finetune.compressions is None


@pytest.mark.parametrize("name", sorted(BASE))
def test_a_missing_key_is_named_with_the_two_places_for_it(name):
    base = {key: value for key, value in BASE.items() if key != name}
    with pytest.raises(
        KoopflowError, match=rf"^pruning\.studies\.a\.{name} is missing; set it here or in pruning\.base\.{name}$"
    ):
        found({}, base)


@pytest.mark.parametrize(
    ("own", "line"),
    [
        ({"data": "digit"}, r"studies\.a\.data: no data set named 'digit'"),
        ({"methods": ["randon"]}, r"studies\.a\.methods: no method named 'randon' \(did you mean random\?\)"),
        ({"pairs": [["random", "gradient"]]}, r"studies\.a\.pairs: no method named 'gradient'"),
        ({"prune_epochs": [1, 5]}, r"studies\.a\.prune_epochs must be at most 4, the epochs of training \(got 5\)"),
        ({"finetune": {"at": [2]}}, r"studies\.a\.finetune\.at must be among prune_epochs, 1, 2\.5 \(got 2\)"),
        (
            {"save_masks": {"at": [1], "compressions": [3]}},
            r"studies\.a\.save_masks\.compressions must be among compressions, .* \(got 3\)",
        ),
        ({"save_masks": {"at": [2]}}, r"studies\.a\.save_masks\.at must be among prune_epochs, 1, 2\.5 \(got 2\)"),
        ({"trajectory": "absent.h5"}, r"studies\.a\.trajectory: absent\.h5 does not exist"),
    ],
)
def test_what_does_not_fit_is_named(own, line):
    with pytest.raises(KoopflowError, match=line):
        found(own)


def test_masks_that_the_base_saves_are_saved_by_studies_that_prune_then():
    assert found({}).save_masks.at == (4,)
