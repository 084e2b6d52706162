"""Rounds pruned elsewhere: as the chains of a study, and compared with each other."""

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from koopflow.config.base import plain
from koopflow.config.data import DataSet
from koopflow.config.ticket_studies import ticket_studies
from koopflow.config.tickets import CheckedStudy, External, FlowSettings, TicketJob, TicketsSettings
from koopflow.core.errors import KoopflowError
from koopflow.rg.exponents import WindowRule
from koopflow.tickets import checks, jobs
from koopflow.tickets.chain import load_chain, save_chain
from koopflow.tickets.common_exponents import common_tables
from koopflow.tickets.external import seed_folders
from koopflow.tickets.summary import all_tables
from tests.tickets import test_summary as house

STUDY = house.STUDY | {"seeds": 2, "rounds": 4, "steps": 20, "transfer": {"rounds": [2]}, "predictors": {}}


def task_of(task, elsewhere=None, **changes):
    given = {key: value for key, value in (STUDY | changes).items() if key in TicketJob.model_fields}
    return jobs.TaskJob(task, house.images_of(task), TicketJob.load(given), elsewhere=elsewhere)


def trained_weights(job, number):
    """The weights after a round; a chain keeps those of its last round alone."""
    return job.chain(number + 1).trained


def open_lth(folder, job, chain):
    """Write a chain as open_lth does: replicates, levels, the first state, the last, the masks."""
    for seed in chain.seeds:
        for number in range(chain.rounds):
            main = folder / f"replicate_{seed + 1}" / f"level_{number}" / "main"
            main.mkdir(parents=True)
            states = {"model_ep0_it0.pth": chain.rewind, "model_ep20_it0.pth": trained_weights(job, number)}
            for file, state in states.items():
                tensors = {f"model.{name}": torch.from_numpy(values[seed]) for name, values in state.items()}
                torch.save(tensors, main / file)
            masks = {f"model.{name}": torch.from_numpy(mask[seed]).int() for name, mask in chain.masks[number].items()}
            torch.save(masks, main / "mask.pth")


def hugging_face(folder, job, chain):
    """Write a chain as rounds of a hub: zeros are the masks, the initial weights beside them."""
    for seed in chain.seeds:
        for number in range(chain.rounds):
            inner = folder / f"seed-{seed}" / f"round-{number}"
            inner.mkdir(parents=True)
            weights, masks = trained_weights(job, number), chain.masks[number]
            save_file(
                {name: values[seed] * masks[name][seed] for name, values in weights.items()},
                inner / "model.safetensors",
            )
        save_file(
            {name: values[seed] for name, values in chain.rewind.items()}, folder / f"seed-{seed}/first.safetensors"
        )


@pytest.fixture(scope="module")
def here():
    job = task_of("a")
    return job, job.chain(4)


@pytest.mark.parametrize("write", [open_lth, hugging_face])
def test_rounds_pruned_elsewhere_are_the_chain_that_was_written(tmp_path, here, write):
    job, chain = here
    write(tmp_path, job, chain)
    rewind = {"rewind": "first.safetensors"} if write is hugging_face else {}
    entry = External.load({"folder": str(tmp_path)} | rewind)
    adopted = task_of("a", entry).chain(4)
    for number in range(4):
        for name, mask in chain.masks[number].items():
            np.testing.assert_array_equal(adopted.masks[number][name], mask)
        np.testing.assert_allclose(adopted.accuracy[number], chain.accuracy[number], atol=1e-6)
    np.testing.assert_allclose(adopted.flow().couplings("share"), chain.flow().couplings("share"), rtol=1e-5)
    np.testing.assert_allclose(adopted.origin.fraction, 0.2, atol=0.01)
    save_chain(adopted, tmp_path / "chain.npz")
    assert load_chain(tmp_path / "chain.npz").origin == adopted.origin
    longer = task_of("a", entry).chain(9, previous=tmp_path / "chain.npz")
    assert longer.rounds == 4
    assert "has 4 rounds" in longer.ended


def test_their_tickets_get_controls_and_go_to_other_tasks(tmp_path, here):
    job, chain = here
    open_lth(tmp_path, job, chain)
    entry = External.load({"folder": str(tmp_path)})
    assert [folder.name for folder in seed_folders(entry)] == ["replicate_1", "replicate_2"]
    own, other = task_of("a", entry), task_of("c")
    chains, trained = {"a": own.chain(4), "c": other.chain(4)}, {"a": chain, "c": other.chain(4)}
    for task in (own, other):
        found, expected = jobs.train_transfers(task, chains), jobs.train_transfers(task, trained)
        for source, accuracy in expected.items():
            np.testing.assert_allclose(found[source], accuracy, atol=1e-6)
    found, expected = jobs.train_controls(own, chains["a"]), jobs.train_controls(job, chain)
    np.testing.assert_allclose(found["accuracy"], expected["accuracy"], atol=1e-6)


def check(tickets, images):
    settings = TicketsSettings.load(tickets)
    studies = ticket_studies(settings, {task: DataSet.load({"source": "digits"}) for task in house.TASKS})
    read = {
        n: CheckedStudy.load({k: plain(getattr(s, k)) for k in CheckedStudy.model_fields}) for n, s in studies.items()
    }
    return checks.check_data(read, settings.elastic, settings.external, images)


def test_rounds_that_do_not_fit_the_study_are_named_before_anything_is_trained(tmp_path, here):
    open_lth(tmp_path, *here)
    images = {task: house.images_of(task) for task in house.TASKS}
    study = {key: value for key, value in STUDY.items() if key != "device"} | {"rounds_per_job": None}
    study |= {"controls": {"rounds": [2]}, "chains": {"a": "theirs"}}
    tickets = {"studies": {"s": study}, "external": {"theirs": {"folder": str(tmp_path)}}}

    def changed(**changes):
        return tickets | {"studies": {"s": study | changes}}

    assert check(tickets, images)[-1] == "theirs: 4 rounds trained elsewhere"
    with pytest.raises(KoopflowError, match=r"tickets.studies.s.chains.a: seeds must be 2, .* \(got 3\)"):
        check(changed(seeds=3), images)
    with pytest.raises(KoopflowError, match=r"chains.a: .*layer1.weight is \(12, 9\), and .* \(13, 9\)"):
        check(changed(model=STUDY["model"] | {"widths": [13, 8]}), images)
    with pytest.raises(KoopflowError, match=r"s.chains: no task of the study named 'z'"):
        check(changed(chains={"z": "theirs"}), images)
    with pytest.raises(KoopflowError, match=r"s.chains.a: no entry of tickets.external named 'their' \(did you mean"):
        check(changed(chains={"a": "their"}), images)
    with pytest.raises(KoopflowError, match=r"s.rewind_step must be 0 with chains from elsewhere"):
        check(changed(rewind_step=2), images)
    for level in range(1, 3):
        (tmp_path / f"replicate_{level}/level_0/main/model_ep0_it0.pth").unlink()
    with pytest.raises(KoopflowError, match=r"chains.a: .*replicate_1: .* name it, .* as rewind \(got none at"):
        check(tickets, images)


def test_several_chains_pruned_elsewhere_are_compared_in_one_window(tmp_path, here):
    _, chain = here
    other = task_of("c")
    for name, (each, rounds) in {"a": here, "c": (other, other.chain(4))}.items():
        open_lth(tmp_path / name, each, rounds)
    entries = {task: {"folder": str(tmp_path / task), "compared": "theirs"} for task in "ac"}
    found = all_tables(FlowSettings.load(house.TICKETS | {"external": entries}), {}, {})
    here_too = common_tables({"a": chain, "c": other.chain(4)}, "theirs", WindowRule(tolerance=0.1))
    for table in ("common_exponents", "exponent_verdicts", "fixed_points"):
        ours, theirs = here_too[table], found[table]
        assert len(ours) == len(theirs) > 0
        for column in ours.select_dtypes("number"):
            np.testing.assert_allclose(theirs[column].astype(float), ours[column], rtol=1e-3, atol=1e-5)
