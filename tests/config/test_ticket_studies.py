"""Studies of tickets: merged over their base, and refused where names or rounds do not fit."""

import pytest

from koopflow.config.data import DataSet
from koopflow.config.ticket_studies import ticket_studies
from koopflow.config.tickets import TicketsSettings
from koopflow.core.errors import KoopflowError
from tests.ticket_study import DATA, TICKETS, changed


def studies(tickets):
    return ticket_studies(TicketsSettings.load(tickets), {name: DataSet.load(spec) for name, spec in DATA.items()})


def test_a_study_takes_from_the_base_what_it_leaves_out():
    found = studies(TICKETS)
    assert found["deep"].steps == 30
    assert found["deep"].model.dump() == {"name": "resnet20", "width": 2}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"studies": {"deep": {"tasks": ["mnist"]}}},
            r"tickets.studies.deep.tasks: no data set named 'mnist'.*clusters, digits",
        ),
        ({"studies": {"deep": {"rewind_step": 30}}}, r"studies.deep.rewind_step must be less than 30"),
        ({"studies": {"deep": {"controls": {"rounds": [4]}}}}, r"studies.deep.controls.rounds must be less than 4"),
        (
            {"studies": {"deep": {"tasks": ["digits", "clusters"]}}},
            r"studies.deep.transfer.rounds must be less than 4.*got 9",
        ),
        (
            {"studies": {"twin": TICKETS["studies"]["deep"]}},
            r"studies.twin: task digits with model resnet20-2 is also in the study deep",
        ),
        (
            {"elastic": {"depths": {"studies": ["shallow", "depe"]}}},
            r"elastic.depths.studies: no study named 'depe' \(did you mean",
        ),
        ({"elastic": {"depths": {"rounds": [4]}}}, r"elastic.depths.rounds must be less than 4"),
        ({"external": {"deep": {"folder": "x"}}}, r"tickets.external.deep: a study has the same name"),
    ],
)
def test_what_cannot_be_done_is_named_before_anything_is_computed(changes, words):
    with pytest.raises(KoopflowError, match=words):
        studies(changed(**changes))


def test_studies_that_share_no_task_are_not_stretched():
    tickets = changed(studies={"deep": {"tasks": ["clusters"]}})
    with pytest.raises(KoopflowError, match=r"must have a task in common \(got shallow, deep\)"):
        studies(tickets)


def test_a_missing_key_is_named():
    tickets = changed()
    del tickets["base"]["fraction"]
    with pytest.raises(
        KoopflowError, match=r"tickets.studies.shallow.fraction is missing; set it here or in tickets.base.fraction"
    ):
        studies(tickets)
