from dataclasses import replace

import numpy as np
import pytest

from koopflow.cli.ticket_tables import exponents_by_task
from koopflow.config.tickets import CollectedStudy, FlowSettings, TicketJob
from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.figures import predictors as predictor_figures
from koopflow.figures import slices as slice_figures
from koopflow.figures import style
from koopflow.figures import tickets as figures
from koopflow.figures import universality as matrix_figures
from koopflow.io.columns import TICKET_TABLES
from koopflow.rg.exponents import WindowRule
from koopflow.tickets import jobs, tables, universality
from koopflow.tickets.predictors.job import scores_table
from koopflow.tickets.summary import all_tables
from koopflow.tickets.trained import Trained

TASKS = ["a", "b", "c", "d"]
STUDY = {
    "tasks": TASKS,
    "model": {"name": "mlp", "widths": [12, 8], "bias": False, "initialization": "kaiming_normal"},
    "optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9},
    "batch_size": 16,
    "steps": 30,
    "seeds": 3,
    "rounds": 7,
    "fraction": 0.2,
    "scope": "global",
    "rewind_step": 0,
    "controls": {"rounds": [2, 40]},
    "transfer": {"rounds": [4, 5]},
    "composition": {"seeds": 2},
    "grouping": "layer",
    "predictors": {"registered": ["layer_exponents", "snip"], "exploratory": ["mask_overlap", "pixel_statistics"]},
    "device": "cpu",
}
TICKETS = {
    "coupling": "share",
    "window": {"tolerance": 0.1, "minimum_rounds": 4, "scope": "layer"},
    "margin": 0.02,
    "external": {},
}


def images_of(task):
    """Gaussian clusters; a and b share their first four pixels' centres, so that they are
    related."""
    generator = np.random.default_rng(ord(task))
    shared = np.random.default_rng(0).normal(size=(3, 1, 3, 3))
    centres = 1.5 * (shared if task in "ab" else generator.normal(size=(3, 1, 3, 3)))
    y = np.arange(240) % 3
    x = (centres[y] + generator.normal(size=(240, 1, 3, 3))).astype(np.float32)
    return Images(x[:180], y[:180], x[180:], y[180:], 3, (0.0,), (1.0,), task)


def trained_by(study, folder, say=print):
    """Train a whole study as its jobs do."""
    settings = TicketJob.load({key: value for key, value in study.items() if key in TicketJob.model_fields})
    of = {task: jobs.TaskJob(task, images_of(task), settings, 0, folder, say) for task in TASKS}
    chains = {task: of[task].chain(study["rounds"]) for task in TASKS}
    rounds = {task: jobs.train_controls(of[task], chains[task]) for task in TASKS}
    others = {task: jobs.train_composition(of[task], chains[task]) for task in TASKS}
    moved = {task: jobs.train_transfers(of[task], chains) for task in TASKS}
    images = {task: images_of(task) for task in TASKS}
    names = settings.predictors.names
    scores = {task: scores_table(of[task], chains, names, WindowRule(), images) for task in TASKS}
    return Trained(chains, rounds, others, moved, scores)


def collected(trained, study=STUDY, say=print, **changes):
    """Return all tables of a study."""
    read = CollectedStudy.load({key: study[key] for key in CollectedStudy.model_fields})
    return all_tables(FlowSettings.load(TICKETS | changes), {"study": read}, {"study": trained}, say)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A whole small study of four tasks."""
    folder = tmp_path_factory.mktemp("checkpoints")
    trained = trained_by(STUDY, folder)
    return trained, collected(trained)


def test_every_table_has_its_promised_columns_first_and_rows(done):
    contract = {
        "rounds": "task, model, control, seed, round, density, accuracy",
        "flow": "task, model, seed, round, layer, density, coupling",
        "exponents": "task, model, layer, sigma, ci_low, ci_high, r2, first_round, last_round",
        "composition": "task, model, seed, density, layer, coupling_a, coupling_b, jaccard",
        "transfer": "source, target, model, seed, density, accuracy, accuracy_own, accuracy_random, exponent_distance",
    }
    for name, frame in done[1].items():
        columns = TICKET_TABLES[name]
        assert len(frame) > 0 or name == "will_transfer"  # which needs six tasks
        assert not set(columns) - set(frame.columns)
        if name in contract:
            assert list(columns)[: len(contract[name].split(", "))] == contract[name].split(", ")


def test_controls_stand_at_the_tickets_densities_and_only_where_the_chain_goes(done):
    rounds = done[1]["rounds"]
    assert sorted(rounds.loc[rounds["control"] == "random_mask", "round"].unique()) == [2, 4, 5]
    by_round = rounds.groupby(["task", "round"])["density"].nunique()
    assert (by_round == 1).all()


def test_couplings_of_a_round_sum_to_one(done):
    flow = done[1]["flow"]
    np.testing.assert_allclose(flow.groupby(["task", "seed", "round"])["coupling"].sum(), 1)


def test_composition_is_compared_at_equal_density_with_a_rerun_beside_it(done):
    composition = done[1]["composition"]
    assert set(composition["comparison"]) == {"composition", "rerun"}
    at = composition.groupby("comparison")["density"].unique()
    np.testing.assert_allclose(sorted(at["composition"]), sorted(at["rerun"]))
    assert composition["jaccard"].between(0.1, 1).all()
    trained = done[0]
    for i, j in [(2, 1), (4, 2), (6, 3)]:
        assert trained.chains["a"].densities()[i] == trained.composition["a"][0].densities()[j]


def test_transfer_rows_carry_the_targets_own_ticket_and_random_control(done):
    transfer, rounds = done[1]["transfer"], done[1]["rounds"]
    assert len(transfer) == 4 * 3 * 2 * 3
    row = transfer[(transfer["source"] == "a") & (transfer["target"] == "c") & (transfer["seed"] == 1)].iloc[0]
    there = rounds[
        (rounds["task"] == "c") & (rounds["seed"] == 1) & np.isclose(rounds["density"], row["density"])
    ].set_index("control")
    assert row["accuracy_own"] == there.loc["ticket", "accuracy"]
    assert row["accuracy_random"] == there.loc["random_mask", "accuracy"]


def test_correlation_is_positive_where_closeness_predicts_transfer(done):
    transfer = done[1]["transfer"].copy()
    rank = {
        pair: i
        for i, pair in enumerate(sorted({tuple(sorted(p)) for p in zip(transfer["source"], transfer["target"])}))
    }
    distance = np.array(
        [rank[tuple(sorted(pair))] for pair in zip(transfer["source"], transfer["target"])], dtype=float
    )
    transfer["exponent_distance"], transfer["accuracy_own"], transfer["accuracy_random"] = distance, 0.9, 0.1
    transfer["accuracy"] = 0.9 - 0.1 * distance
    found = universality.correlations(transfer, TASKS, "m").set_index(["observable", "density"])["correlation"]
    np.testing.assert_allclose(found["layer_exponents"], 1)


def test_predictors_stand_for_every_ordered_pair_with_the_overlap_that_masks_have(done):
    rows = done[1]["predictors"]
    assert (rows.groupby(["predictor", "density"]).size() == 12).all()
    assert list(rows.loc[rows["registered"] == "yes", "predictor"].unique()) == ["layer_exponents", "snip"]
    chains, density = done[0].chains, done[0].chains["a"].densities()[5]
    of = rows[(rows["predictor"] == "mask_overlap") & (rows["source"] == "a") & (rows["target"] == "c")]
    whole = [np.concatenate([m.reshape(3, -1) for m in chains[t].masks[5].values()], axis=1) for t in "ac"]
    overlap = (whole[0] & whole[1]).sum(axis=1) / (whole[0] | whole[1]).sum(axis=1)
    assert of.loc[np.isclose(of["density"], density), "score"].item() == pytest.approx(overlap.mean())
    assert done[1]["predictor_tests"]["tasks"].eq(4).all()


def test_compared_exponents_share_one_window_and_have_a_verdict_per_layer(done):
    common, verdicts = done[1]["common_exponents"], done[1]["exponent_verdicts"]
    assert len(common.groupby(["first_round", "last_round"])) == 1
    assert len(common) == 4 * 3
    assert list(verdicts["layer"]) == list(common["layer"].unique())
    for row in verdicts.to_dict("records"):
        assert row["lowest_r2"] == common.loc[common["layer"] == row["layer"], "r2"].min()
        assert row["verdict"] in ("more than between seeds", "no more than between seeds", "undecided")
    assert done[1]["depth"]["spread"].gt(0).all()
    points = done[1]["fixed_points"].groupby("task")["share"].sum()
    np.testing.assert_allclose(points, 1)


def drawn(frames):
    return {
        "accuracy": figures.accuracy(frames["rounds"], TASKS),
        "flow": figures.flow(frames["flow"], frames["exponents"], TASKS),
        "composition": figures.composition(frames["composition"], frames["ratios"], TASKS),
        "exponents": matrix_figures.exponents(frames["exponents"], TASKS),
        "matrices": matrix_figures.matrices(frames["transfer"], TASKS),
        "slices": slice_figures.slices(frames["flow"], frames["common_exponents"], frames["fixed_points"], TASKS),
        "predictors": predictor_figures.predictors(frames["predictor_tests"], frames["will_transfer"]),
        "prediction": matrix_figures.prediction(frames["transfer"], frames["universality"], TASKS),
    }


def test_figures_draw_from_the_tables_alone_and_say_how_many(done, tmp_path):
    style.use()
    for name, figure in drawn(done[1]).items():
        texts = [figure.get_suptitle(), *(text.get_text() for ax in figure.axes for text in ax.texts)]
        assert name == "matrices" or any(text.startswith("n = ") for text in texts)
        assert all(path.stat().st_size > 5000 for path in style.save(figure, tmp_path / name))


def test_rounds_trained_elsewhere_get_exponents_beside_the_studys(done, tmp_path):
    import torch

    torch.manual_seed(0)
    weights = torch.randn(20, 10), torch.randn(5, 20)
    orders = [torch.rand_like(weight) for weight in weights]
    for number in range(6):
        state = {}
        for name, weight, order in zip(("encoder.0.fc.weight", "head.weight"), weights, orders):
            state |= {f"{name}_orig": weight, f"{name}_mask": (order < 0.8**number).float()}
        torch.save(state, tmp_path / f"round{number}.pt")
    entry = {"folder": str(tmp_path), "grouping": "block"}
    found = collected(done[0], external={"theirs": entry})["exponents"]
    assert list(found.loc[found["task"] == "theirs", "layer"]) == ["encoder.0", "head"]
    assert (found.loc[found["task"] == "theirs", "interval"] == "rounds").all()


def test_too_few_rounds_leave_a_note_in_place_of_a_linearization(done):
    chain = done[0].chains["a"]
    assert np.isfinite(tables.linearization_table(chain, "a", "m", "layer")["exponent"]).all()
    short = replace(chain, masks=chain.masks[:2], magnitude=chain.magnitude[:2], accuracy=chain.accuracy[:2])
    table = tables.linearization_table(short, "a", "m", "layer")
    assert "transitions between rounds" in table["note"].iloc[0]
    assert table["exponent"].isna().all()


def test_an_unknown_coupling_is_named():
    with pytest.raises(
        KoopflowError, match=r"tickets.coupling: no coupling named 'size'.*available: share, density, mean_magnitude"
    ):
        tables.couplings_of(np.ones((3, 1, 1, 1)), "size")


def test_chains_that_end_early_still_give_every_table_and_figure(tmp_path):
    hasty = STUDY | {"fraction": 0.95, "steps": 10, "seeds": 2}
    said = []
    trained = trained_by(hasty, tmp_path, said.append)
    assert all("would leave" in line for line in said)
    assert max(chain.rounds for chain in trained.chains.values()) < 4
    frames = collected(trained, hasty)
    assert frames["exponents"]["class"].eq("no scaling").all()
    assert frames["transfer"].empty
    style.use()
    for figure in drawn(frames).values():
        figure.canvas.draw()


def test_every_table_counts_the_seeds_that_diverged(done):
    trained, whole = done
    assert all((frame["excluded"] == 0).all() for frame in whole.values())
    chains = dict(trained.chains)
    chains["b"] = replace(chains["b"], stopped={2: "seed 2: training diverged in round 3"})
    found = collected(replace(trained, chains=chains), say=lambda line: None)
    for name in ("rounds", "flow", "exponents", "fixed_point", "linearization"):
        assert found[name].groupby("task")["excluded"].unique().map(list).to_dict() == {
            "a": [0],
            "b": [1],
            "c": [0],
            "d": [0],
        }, name
    moved = {
        target: {source: values.copy() for source, values in given.items()}
        for target, given in trained.transferred.items()
    }
    for given in moved.values():  # as `transfer_to` leaves a seed that did not come through everywhere
        for values in given.values():
            values[:, 2] = np.nan
    moved["c"]["a"][0, 1] = np.nan  # and one that diverged on its target
    changed = replace(trained, chains=chains, transferred=moved)
    found = collected(changed, say=lambda line: None)
    transfer = found["transfer"]
    odd = (transfer["source"] == "a") & (transfer["target"] == "c") & (transfer["density"] == transfer["density"].max())
    assert (transfer["excluded"] == np.where(odd, 2, 1)).all()
    assert transfer.groupby(["source", "target", "density"]).size().min() == 1
    assert sorted(set(found["universality"]["excluded"])) == [1, 2]


def test_exponents_of_single_initializations_average_to_those_of_the_task(done):
    single, common = done[1]["initialization_exponents"], done[1]["common_exponents"]
    assert len(single) == 4 * 3 * 3
    mean = single.groupby(["task", "layer"])["sigma"].mean()
    expected = common.set_index(["task", "layer"])["sigma"]
    np.testing.assert_allclose(mean.reindex(expected.index), expected)
    assert single["r2"].between(0, 1).all()
    shown = exponents_by_task(single).set_index("task")
    of = single[(single["task"] == "b") & (single["layer"] == "output.weight")]
    assert shown.loc["B", "output.weight"].startswith(f"{of['sigma'].mean():.3f} ± {of['sigma'].std():.3f} (R² ")
    assert (shown["initializations"] == 3).all()
