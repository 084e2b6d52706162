"""Predictors of transfer: by hand on small networks, their tests, calibration and answers."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

import koopflow as kf
from koopflow.cli.ticket_tables import forecast_quality
from koopflow.config.tickets import Predictors
from koopflow.config.training import ModelSettings, OptimizerSettings
from koopflow.core.errors import KoopflowError
from koopflow.data.images.sets import Images
from koopflow.rg.exponents import WindowRule
from koopflow.rg.universality import mantel
from koopflow.tickets.flow import Flow
from koopflow.tickets.predictors import calibration, judging, of_networks
from koopflow.tickets.predictors import job as predictors_job
from koopflow.tickets.predictors.declared import Candidates, Predictor, load_predictor, predictor
from koopflow.tickets.predictors.job import scores_table
from koopflow.tickets.predictors.registry import PREDICTORS
from koopflow.tickets.training import Rows, Setup
from koopflow.training.models.build import build

MODEL = {"name": "mlp", "widths": [6], "bias": False, "initialization": "kaiming_normal"}
SETUP = Setup(
    ModelSettings.load(MODEL), OptimizerSettings.load({"name": "sgd", "learning_rate": 0.1}), 16, 200, device="cpu"
)


def images_of(seed=0, separation=3.0):
    """Two classes in four pixels."""
    generator = np.random.default_rng(seed)
    centres = separation * generator.normal(size=(2, 1, 2, 2))
    y = np.arange(200) % 2
    x = (centres[y] + generator.normal(size=(200, 1, 2, 2))).astype(np.float32)
    return Images(x[:150], y[:150], x[150:], y[150:], 2, (0.0,), (1.0,), "two clouds")


def candidates(images=None, rows=2, density=0.6, **given):
    generator = np.random.default_rng(1)
    shapes = {"layer1.weight": (rows, 6, 4), "output.weight": (rows, 2, 6)}
    weights = {name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    masks = {name: generator.random(shape) < density for name, shape in shapes.items()}
    return Candidates(SETUP, images or images_of(), Rows(weights, masks, list(range(rows))), ["a"] * rows, **given)


def forward(tickets, row, x):
    """The network by hand: hidden units and outputs."""
    weights = {name: values[row] * tickets.rows.masks[name][row] for name, values in tickets.rows.weights.items()}
    hidden = np.maximum(x.reshape(len(x), -1) @ weights["layer1.weight"].T, 0)
    return weights, hidden, hidden @ weights["output.weight"].T


def gradients(tickets, row, x, y):
    """Gradients of the mean loss by hand."""
    weights, hidden, logits = forward(tickets, row, x)
    share = np.exp(logits - logits.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    delta = (share - np.eye(2)[y]) / len(x)
    first = ((delta @ weights["output.weight"]) * (hidden > 0)).T @ x.reshape(len(x), -1)
    return weights, {"layer1.weight": first, "output.weight": delta.T @ hidden}


def test_loss_and_snip_are_those_computed_by_hand():
    tickets = candidates()
    x, y = (values.numpy() for values in of_networks._images(tickets, of_networks.BATCH))
    for row, (loss, saliency) in enumerate(zip(of_networks.loss_at_start(tickets), of_networks.snip(tickets))):
        logits = forward(tickets, row, x)[2]
        by_hand = np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y])
        assert loss == pytest.approx(-by_hand, rel=1e-4)
        weights, gradient = gradients(tickets, row, x, y)
        assert saliency == pytest.approx(np.log(sum(np.abs(weights[n] * gradient[n]).sum() for n in weights)), rel=1e-3)


def test_grasp_is_the_weights_times_the_change_of_the_gradient_along_itself():
    tickets, step = candidates(), 1e-3
    x, y = (values.numpy() for values in of_networks._images(tickets, of_networks.BATCH))
    for row, value in enumerate(of_networks.grasp(tickets)):
        weights, gradient = gradients(tickets, row, x, y)
        masks = {name: mask[row] for name, mask in tickets.rows.masks.items()}
        ends = []
        for sign in (1, -1):
            moved = {n: v.copy() for n, v in tickets.rows.weights.items()}
            for name in moved:
                moved[name][row] = weights[name] + sign * step * gradient[name] * masks[name]
            shifted = replace(tickets, rows=Rows(moved, tickets.rows.masks, tickets.rows.seeds))
            ends.append(gradients(shifted, row, x, y)[1])
        by_hand = sum((weights[n] * masks[n] * (ends[0][n] - ends[1][n]) / (2 * step)).sum() for n in weights)
        assert value == pytest.approx(by_hand, rel=0.05, abs=1e-3)


def test_the_tangent_kernel_is_the_product_of_output_gradients_by_survivors():
    tickets = candidates()
    x, _ = of_networks._images(tickets, 5)
    network, masks = next(of_networks._masked(tickets))
    kernel = of_networks._tangent_kernel(network, x, masks).numpy()
    weights, hidden, _ = forward(tickets, 0, x.numpy())
    flat = x.numpy().reshape(5, -1)
    by_hand = np.zeros((5, 5))
    for i in range(5):
        for j in range(5):
            for output in range(2):
                for unit in range(6):
                    if masks["output.weight"][output, unit]:
                        by_hand[i, j] += hidden[i, unit] * hidden[j, unit]
                    both = (hidden[i, unit] > 0) and (hidden[j, unit] > 0)
                    inputs = masks["layer1.weight"][unit].numpy()
                    by_hand[i, j] += (
                        both * weights["output.weight"][output, unit] ** 2 * (flat[i] * flat[j])[inputs].sum()
                    )
    np.testing.assert_allclose(kernel, by_hand, rtol=1e-4, atol=1e-4)


def test_the_tangent_kernel_of_a_network_with_batch_normalization_compares_single_images():
    torch.manual_seed(0)
    module = build({"name": "resnet8", "width": 2}, (1, 8, 8), 3)
    parameters = {name: values.detach() for name, values in module.named_parameters()}
    network, x = of_networks._Network(module, parameters, dict(module.named_buffers())), torch.randn(4, 1, 8, 8)
    masks = {name: torch.rand_like(values) < 0.5 for name, values in parameters.items() if values.ndim > 1}
    kernel = of_networks._tangent_kernel(network, x, masks)
    assert torch.linalg.eigvalsh(kernel).min() > -1e-6 * kernel.max()
    assert module.training
    torch.testing.assert_close(of_networks._tangent_kernel(network, x[:2], masks), kernel[:2, :2])


def test_the_probe_and_early_accuracy_are_high_on_an_easy_task_and_at_chance_on_none():
    easy, none = candidates(images_of(separation=4.0)), candidates(images_of(separation=0.0))
    for name in ("untrained_probe", "accuracy_after_20_steps"):
        found = load_predictor(name)
        assert found.scores(easy).min() > 0.8, name
        assert abs(found.scores(none).mean() - 0.5) < 0.2, name


def test_no_predictor_reads_the_test_images():
    tickets = candidates()
    other = replace(tickets.images, x_test=tickets.images.x_test + 9, y_test=1 - tickets.images.y_test)
    for name in PREDICTORS:
        found = load_predictor(name)
        if not found.needs:
            np.testing.assert_array_equal(found.scores(tickets), found.scores(replace(tickets, images=other)), name)


def test_every_predictor_says_what_it_costs_and_needs():
    for name in PREDICTORS:
        found = load_predictor(name)
        assert np.isfinite(found.passes(candidates(round_number=3))), name
    with pytest.raises(KoopflowError, match="need of a predictor"):
        predictor(needs={"test_images"})
    with pytest.raises(KoopflowError, match=r"one number per ticket, shape \(2,\) \(got \(3,\)\)"):
        Predictor("mine", lambda tickets: np.zeros(3), frozenset(), lambda tickets: 0.0).scores(candidates())


def study(tasks=6, seeds=3, noise=0.02, seed=0):
    """Tables in which the score `good` tells transfer but for source and target effects, and `bad`
    does not."""
    generator = np.random.default_rng(seed)
    names = [f"t{number}" for number in range(tasks)]
    good, bad = generator.uniform(0, 1, (2, tasks, tasks))
    effect = 0.05 * generator.normal(size=(2, tasks))
    share = 0.2 + 0.6 * good + effect[0][:, None] + effect[1] + 0.02 * generator.normal(size=(tasks, tasks))
    transfer, scores = [], []
    for i, source in enumerate(names):
        for j, target in enumerate(names):
            for number in range(seeds if i != j else 0):
                for density, spread in ((0.1, 5.0), (0.05, 1.0)):
                    error = spread * noise * generator.normal()
                    transfer.append((source, target, number, density, 0.3 + 0.5 * (share[i, j] + error), 0.8, 0.3))
                    for name, values in (("good", good), ("bad", bad)):
                        scores.append((source, target, number, 0, density, name, values[i, j], "", 10.0, 100.0))
    columns = ["source", "target", "seed", "density", "accuracy", "accuracy_own", "accuracy_random"]
    names_of_scores = ["source", "target", "seed", "round", "density", "predictor", "score", "needs", "passes"]
    return pd.DataFrame(transfer, columns=columns), pd.DataFrame(scores, columns=[*names_of_scores, "training"]), names


def test_registered_predictors_decide_at_the_most_reliable_density_and_others_do_not():
    transfer, scores, names = study()
    settings = Predictors(registered=("good",), exploratory=("bad",))
    found = judging.predicted_transfer(transfer, scores, names, "m", settings)
    tests = found["predictor_tests"].set_index("predictor")
    assert tests.loc["good", "decision"] == "predicts transfer"
    assert tests.loc["bad", "decision"] == "exploratory"
    assert (tests["density"] == 0.05).all()
    assert tests.loc["good", "reliability"] > 0.9
    assert tests.loc["good", "cost"] == 0.1
    both = judging.predicted_transfer(transfer, scores, names, "m", Predictors(registered=("bad", "good")))
    both = both["predictor_tests"].set_index("predictor")
    assert both.loc["bad", "decision"] == "not shown to predict transfer"
    assert both.loc["good", "p_adjusted"] == pytest.approx(2 * both.loc["good", "p"])
    ends = ["ci_low", "ci_high"]
    # Two intervals that hold together are those of level 1 - 0.05 / 2 each.
    at = found["predictors"].query("predictor == 'good' and chosen == 'yes'")
    wide = mantel(*(judging.matrix_of(at, name, names) for name in ("transfer", "score")), confidence=0.975)
    assert both.loc["good", ends].tolist() == pytest.approx([wide.ci_low, wide.ci_high])
    assert tests.loc["good", "ci_low"] > both.loc["good", "ci_low"]
    noisy = judging.predicted_transfer(*study(noise=2.0), "m", settings)["predictor_tests"]
    assert noisy["decision"].iloc[0] == "transfer is not reliable enough to decide"


def test_split_half_reliability_is_that_of_a_known_signal():
    """Signal and noise of equal variance in each half: correlation 1/2, stepped up to 2/3."""
    generator, names = np.random.default_rng(3), [f"t{number}" for number in range(30)]
    signal = generator.normal(size=(30, 30))
    rows = [
        (a, b, seed, 0.5 + 0.02 * (signal[i, j] + generator.normal()), 0.8, 0.2)
        for i, a in enumerate(names)
        for j, b in enumerate(names)
        for seed in range(2)
        if i != j
    ]
    table = pd.DataFrame(rows, columns=["source", "target", "seed", "accuracy", "accuracy_own", "accuracy_random"])
    assert judging.split_half(table, names) == pytest.approx(2 / 3, abs=0.06)


@pytest.mark.parametrize(("draw", "spread"), [("normal", 0.1), ("uniform", 0.0)])
def test_intervals_of_predicted_transfer_cover_new_tasks_in_simulation(draw, spread):
    """Ten tasks and one new one, with effects of sources and of targets, or bounded errors alone; the
    large simulation is in benchmarks/calibration."""
    covered = []
    for seed in range(100):
        generator = np.random.default_rng(seed)
        source, target = np.nonzero(~np.eye(11, dtype=bool))
        good = generator.uniform(size=len(source))
        of_source, of_target = spread * generator.normal(size=(2, 11))
        errors = generator.normal(size=len(good)) if draw == "normal" else generator.uniform(-1.7, 1.7, len(good))
        share = 0.2 + 0.6 * good + of_source[source] + of_target[target] + 0.1 * errors
        pairs = pd.DataFrame({"source": source, "target": target, "good": good, "transfer": share})
        new = (source == 10) | (target == 10)
        fitted = calibration.calibrate(pairs[~new], ["good"])
        error = fitted.predict(pairs.loc[new, ["good"]].to_numpy()) - pairs.loc[new, "transfer"]
        covered.append(np.mean(np.abs(error) <= fitted.half_width(0.9)))
    assert np.mean(covered) == pytest.approx(0.9, abs=0.03)


def test_an_interval_is_widened_by_the_freedom_that_the_tasks_give():
    ends = np.array([[0, 1], [0, 2], [1, 2]])
    assert calibration._freedom(np.array([1.0, 2.0, 3.0]), ends, 3) == pytest.approx(6.0)  # variance 2/3 (1 + 0 + 1)
    fitted = calibration.Calibration(("x",), 0.0, np.ones(1), np.ones(9), 6.0, np.zeros(1), np.ones(1), 3, 3)
    assert fitted.half_width(0.9) == pytest.approx(1.943 / 1.645, abs=1e-3)  # Student's quantile over the normal one


def test_a_forecast_is_silent_where_it_cannot_know():
    transfer, scores, names = study()
    rows = judging.predictors_table(transfer, scores, names, "m", Predictors(registered=("good",)))
    pairs = calibration.pairs_of(rows, ["good"])
    fitted = calibration.calibrate(pairs, ["good"])
    assert fitted.forecast(np.array([0.97])).answer == "transfers"
    assert fitted.forecast(np.array([0.02])).answer == "does not transfer"
    assert fitted.forecast(np.array([0.5])).answer == "cannot say"
    for outside in (2.0, -1.0):
        beyond = fitted.forecast(np.array([outside]))
        assert beyond.answer == "cannot say"
        assert "outside the calibrated range" in beyond.reason
    few = pairs[pairs["source"].isin(names[:4]) & pairs["target"].isin(names[:4])]
    with pytest.raises(KoopflowError, match=r"at least 6 tasks with a gain to share \(got 4\)"):
        calibration.calibrate(few, ["good"])


def test_will_transfer_answers_with_share_interval_and_cost(tmp_path):
    setup = {"model": MODEL, "optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 16, "steps": 50}
    chain = kf.iterative_pruning(setup, images_of(), rounds=3, seeds=2)
    ticket, easy = chain.ticket(2), images_of(seed=5, separation=4.0)
    transfer, scores, names = study(tasks=8)
    scores = scores.replace({"predictor": {"good": "accuracy_after_20_steps", "bad": "untrained_probe"}})
    settings = Predictors(registered=("accuracy_after_20_steps",), exploratory=("untrained_probe",))
    table = judging.predictors_table(transfer, scores, names, "mlp-6", settings)
    table["density"], table["score"] = chain.densities()[2], 1.1 * table["score"]
    found = kf.will_transfer(ticket, easy, calibration=table)
    assert found.answer == "transfers"
    assert found.low < found.share < found.high
    assert found.cost == pytest.approx((3 * 16 * 20 + 150) / (3 * 16 * 50))
    assert found.scores["accuracy_after_20_steps"] > 0.9
    left_out = calibration.forecasts_table(table, ["accuracy_after_20_steps"], found.cost, 0.9, 0.5)
    same = left_out[left_out["answer"] == "transfers"]
    assert found.told == len(same) > 10
    assert found.right == (same["transfer"] > 0.5).sum()
    assert f"{found.right} of {found.told} such answers on tasks left out were right" in str(found)
    table.to_csv(tmp_path / "predictors.csv", index=False)
    again = kf.will_transfer(tuple(ticket), easy, setup=setup, calibration=tmp_path / "predictors.csv")
    assert again.share == pytest.approx(found.share)
    for wrong, reason in (
        (table.assign(model="mlp-7"), "no tickets of mlp-6"),
        (table.assign(density=0.01), "density of 0.01"),
        (table.assign(density=0.99), "density of 0.99"),
        (tmp_path / "none.csv", "no calibration"),
    ):
        silent = kf.will_transfer(ticket, easy, calibration=wrong)
        assert silent.answer == "cannot say"
        assert reason in silent.reason
    with pytest.raises(KoopflowError, match="pass setup="):
        kf.will_transfer(tuple(ticket), easy, calibration=table)
    weights, masks = ticket
    with pytest.raises(KoopflowError, match=r"layer1.weight must have shape \(6, 4\)"):
        kf.will_transfer(({**weights, "layer1.weight": weights["layer1.weight"][:, :, :3]}, masks), easy, setup=setup)


def test_the_report_says_how_good_the_forecasts_are():
    answers = ["transfers"] * 4 + ["does not transfer"] * 2 + ["cannot say"] * 2
    frame = pd.DataFrame({"answer": answers, "transfer": [0.9, 0.8, 0.7, 0.2, 0.1, 0.6, 0.5, np.nan]})
    frame["inside"] = ["yes", "yes", "yes", "no", "yes", "no", "yes", ""]
    frame["left_out"] = ["a", "a", "a", "a", "b", "b", "b", "b"]
    found = forecast_quality(frame.assign(model="m", level=0.9, threshold=0.5, cost=0.14)).iloc[0]
    assert found["coverage, standard error over tasks"] == "0.71 ± 0.04"  # of 3/4 and 2/3
    assert found['answers "transfers", right'] == "4, 75 %"
    assert found['answers "does not transfer", right'] == "2, 50 %"
    assert (found['"cannot say"'], found["pairs"], found["tasks left out"]) == (1, 7, 2)


class OfGroups:
    """A chain of six rounds: layers scale alike in every task, blocks by the task's exponent."""

    def __init__(self, slope):
        self.slope = slope

    def flow(self, grouping="layer"):
        scale = np.arange(6.0)
        rising = np.exp((self.slope if grouping == "block" else 0.1) * scale)
        sums = np.zeros((3, 2, 6, 2))
        sums[0], sums[1:] = np.stack([rising, 9 - rising], axis=1), 1.0
        return Flow(["one", "other"], sums, np.exp(-scale))


def test_exponents_are_compared_in_the_studys_groups():
    chains = {"a": OfGroups(0.2), "t": OfGroups(0.1)}
    of = dict(chains=chains, target="t", window=(0, 5), round_number=3)
    assert (load_predictor("layer_exponents").scores(candidates(grouping="layer", **of)) == 0).all()
    assert (load_predictor("layer_exponents").scores(candidates(grouping="block", **of)) < -0.05).all()


@pytest.mark.parametrize(("answer", "right"), [(calibration.TRANSFERS, 2), (calibration.STAYS, 1)])
def test_an_answer_is_right_if_the_measured_transfer_lies_on_its_side(answer, right):
    rows = [(0.9, "yes"), (0.8, "no"), (0.2, "yes"), (0.9, "")]
    forecasts = pd.DataFrame(rows, columns=["transfer", "inside"]).assign(answer=answer, threshold=0.5)
    assert calibration.right_answers(forecasts, answer) == (right, 3)


def test_scoring_shows_how_many_rounds_are_left(monkeypatch):
    taken = []

    def bar(things, what, unit):
        taken.append((list(things), what, unit))
        return things

    job = SimpleNamespace(task="b", study=SimpleNamespace(grouping="layer"))
    monkeypatch.setattr("koopflow.core.progress.bar", bar)
    monkeypatch.setattr(predictors_job, "common_window", lambda *of: None)
    monkeypatch.setattr(predictors_job, "transfer_rounds", lambda study, chains: [9, 13])
    monkeypatch.setattr(predictors_job, "candidates_for", lambda *of: [])
    chains = {"b": SimpleNamespace(densities=lambda: np.linspace(1, 0, 14))}
    assert scores_table(job, chains, [], WindowRule(), {}).empty
    assert taken == [([9, 13], "scoring tickets for b", "round")]
