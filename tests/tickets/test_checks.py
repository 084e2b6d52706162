import copy

import pytest

from koopflow.config.resolution import merge
from koopflow.core.errors import KoopflowError
from koopflow.data.images import load
from koopflow.tickets import checks

DATA = {"digits": {"source": "digits"}, "clusters": {"source": "gaussian_clusters", "like": "digits"}}
BASE = {
    "model": {"name": "mlp", "widths": [10]},
    "optimizer": {"name": "sgd", "learning_rate": 0.1},
    "batch_size": 20,
    "steps": 30,
    "seeds": 2,
    "rounds": 4,
    "rounds_per_job": None,
    "fraction": 0.2,
    "scope": "global",
    "grouping": "layer",
    "rewind_step": 0,
    "controls": {"rounds": [3]},
    "transfer": {"rounds": [9]},
    "composition": {"seeds": 0},
}
TICKETS = {
    "base": BASE,
    "studies": {
        "shallow": {"tasks": ["digits"], "model": {"name": "resnet14", "width": 2}},
        "deep": {"tasks": ["digits"], "model": {"name": "resnet20", "width": 2}},
    },
    "elastic": {"depths": {"studies": ["shallow", "deep"], "rounds": [2]}},
    "external": {},
}


def changed(**changes):
    return merge(copy.deepcopy(TICKETS), changes)


def test_a_study_takes_from_the_base_what_it_leaves_out():
    found = checks.studies(TICKETS, DATA)
    assert found["deep"]["steps"] == 30
    assert found["deep"]["model"] == {"name": "resnet20", "width": 2}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"studies": {"deep": {"tasks": ["mnist"]}}}, r"tickets.studies.deep.tasks: no data set named 'mnist'.*clusters, digits"),
        ({"studies": {"deep": {"rewind_step": 30}}}, r"studies.deep.rewind_step: found 30, accepted is 0 to 29"),
        ({"studies": {"deep": {"controls": {"rounds": [4]}}}}, r"studies.deep.controls.rounds: found 4, accepted is 0 to 3"),
        ({"studies": {"deep": {"tasks": ["digits", "clusters"]}}}, r"studies.deep.transfer.rounds: found 9, accepted is 0 to 3"),
        (
            {"studies": {"twin": TICKETS["studies"]["deep"]}},
            r"studies.twin: digits with the model resnet20-2 is in the study deep too",
        ),
        (
            {"elastic": {"depths": {"studies": ["shallow", "depe"]}}},
            r"elastic.depths.studies: no study named 'depe' \(did you mean",
        ),
        ({"elastic": {"depths": {"rounds": [4]}}}, r"elastic.depths.rounds: found 4, accepted is 1 to 3"),
        ({"external": {"deep": {"folder": "x"}}}, r"tickets.external.deep: a study has this name too"),
    ],
)
def test_what_cannot_be_done_is_named_before_anything_is_computed(changes, words):
    with pytest.raises(KoopflowError, match=words):
        checks.studies(changed(**changes), DATA)


def test_studies_that_share_no_task_are_not_stretched():
    tickets = changed(studies={"deep": {"tasks": ["clusters"]}})
    with pytest.raises(KoopflowError, match="shallow, deep have no task in common"):
        checks.studies(tickets, DATA)


def test_a_missing_key_is_named():
    tickets = changed()
    del tickets["base"]["fraction"]
    with pytest.raises(KoopflowError, match=r"tickets.studies.shallow.fraction: this key is missing"):
        checks.studies(tickets, DATA)


def test_depths_that_no_ticket_fits_are_refused_from_shapes_alone():
    images = {"digits": load({"source": "digits", "train_size": 100})}
    found = checks.studies(TICKETS, DATA)
    assert "100 training" in checks.check_data(TICKETS, found, images)[0]
    found["deep"]["model"] = {"name": "resnet20", "width": 3}
    with pytest.raises(
        KoopflowError, match=r"tickets.elastic.depths: elastic ticket: conv.weight is \(3, 1, 3, 3\) but conv.weight"
    ):
        checks.check_data(TICKETS, found, images)


def test_batches_and_classes_that_do_not_fit_are_named():
    images = {name: load({"source": "digits", "train_size": size}) for name, size in (("digits", 100), ("clusters", 10))}
    tickets = changed(studies={"deep": {"tasks": ["digits", "clusters"], "transfer": {"rounds": [2]}}})
    with pytest.raises(KoopflowError, match=r"studies.deep.batch_size: found 20, but clusters has 10 training images"):
        checks.check_data(tickets, checks.studies(tickets, DATA), images)
