import sys

import pytest

from koopflow.config.base import plain
from koopflow.config.data import DataSet
from koopflow.config.ticket_studies import ticket_studies
from koopflow.config.tickets import CheckedStudy, TicketsSettings
from koopflow.core.errors import KoopflowError
from koopflow.data.images import load
from koopflow.tickets import checks
from tests.ticket_study import DATA, TICKETS, changed


def check(tickets, images):
    """Check as the stage's first job does."""
    settings = TicketsSettings.load(tickets)
    found = ticket_studies(settings, {name: DataSet.load(spec) for name, spec in DATA.items()})
    read = {
        name: CheckedStudy.load({key: plain(getattr(study, key)) for key in CheckedStudy.model_fields})
        for name, study in found.items()
    }
    return checks.check_data(read, settings.elastic, settings.external, images)


def test_depths_that_no_ticket_fits_are_refused_from_shapes_alone():
    images = {"digits": load({"source": "digits", "train_size": 100})}
    assert "100 training" in check(TICKETS, images)[0]
    wider = changed(studies={"deep": {"model": {"name": "resnet20", "width": 3}}})
    with pytest.raises(
        KoopflowError, match=r"tickets.elastic.depths: elastic ticket: conv.weight is \(3, 1, 3, 3\) but conv.weight"
    ):
        check(wider, images)


def test_batches_and_classes_that_do_not_fit_are_named():
    images = {
        name: load({"source": "digits", "train_size": size}) for name, size in (("digits", 100), ("clusters", 10))
    }
    tickets = changed(studies={"deep": {"tasks": ["digits", "clusters"], "transfer": {"rounds": [2]}}})
    with pytest.raises(
        KoopflowError, match=r"studies.deep.batch_size must be at most 10, the training images of clusters \(got 20\)"
    ):
        check(tickets, images)


def test_ones_own_predictor_fails_in_the_check_and_not_after_training(tmp_path, monkeypatch):
    (tmp_path / "transfer_scores.py").write_text(
        "def right(candidates):\n    return [0.5] * candidates.count\n\n\n"
        "def wrong(candidates):\n    return candidates.mask\n\n\n"
        "def two(candidates):\n    return [1.0, 2.0]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    images = {"digits": load({"source": "digits", "train_size": 100})}

    def with_predictor(name):
        return changed(studies={"deep": {"predictors": {"registered": [name]}}})

    try:
        check(with_predictor("transfer_scores:right"), images)
        for name, line in {
            "transfer_scores:wrong": r"transfer_scores:wrong raised AttributeError: .* no attribute 'mask'",
            "transfer_scores:two": r"must return one number per ticket, shape \(1,\) \(got \(2,\)\)",
            "transfer_scores:none": "none",
        }.items():
            with pytest.raises(KoopflowError, match=rf"^tickets.studies.deep.predictors: .*{line}"):
                check(with_predictor(name), images)
    finally:
        sys.modules.pop("transfer_scores", None)
