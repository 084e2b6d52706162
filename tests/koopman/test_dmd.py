"""The fitted operator equals PyDMD's and a dense one, and finds spectra that are known."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import block_diag

from koopflow.core.errors import KoopflowError
from koopflow.koopman import fit
from koopflow.koopman.delay import windows
from koopflow.koopman.source import as_runs
from koopflow.koopman.spectrum import distance, matching
from koopflow.trajectory import Trajectory, TrajectoryWriter

KNOWN = np.array([1.0, 0.95 * np.exp(0.4j), 0.95 * np.exp(-0.4j), 0.9, np.exp(0.1j), np.exp(-0.1j)])


def linear_runs(runs=3, steps=60, width=40, noise=0.0, seed=0):
    """Runs (run, step, parameter) of a linear map with the eigenvalues KNOWN, mixed into `width`
    observables."""
    generator = np.random.default_rng(seed)
    turn = [
        np.abs(v) * np.array([[np.cos(np.angle(v)), -np.sin(np.angle(v))], [np.sin(np.angle(v)), np.cos(np.angle(v))]])
        for v in KNOWN[[1, 4]]
    ]
    step = block_diag([[1.0]], turn[0], [[0.9]], turn[1])
    state = generator.standard_normal((runs, 6))
    states = [state]
    for _ in range(steps - 1):
        states.append(states[-1] @ step.T)
    data = np.stack(states, 1) @ generator.standard_normal((6, width))
    return data + noise * generator.standard_normal(data.shape)


def dense(data, rank, delays):
    """Eigenvalues of projected DMD by one dense float64 SVD."""
    blocks = [windows(np.asarray(run, float), delays) for run in data]
    x, y = np.concatenate([b[:-1] for b in blocks]).T, np.concatenate([b[1:] for b in blocks]).T
    u, s, v = np.linalg.svd(x, full_matrices=False)
    return np.linalg.eigvals(u[:, :rank].T @ y @ (v[:rank].T / s[:rank]))


@pytest.mark.parametrize("delays", [0, 1, 8, 40])
@pytest.mark.parametrize("route", ["auto", "direct", "time", "time_qr", "feature", "feature_qr"])
def test_a_linear_maps_eigenvalues_are_found_from_pooled_runs(route, delays):
    fitted = fit(linear_runs(), svd_rank=6, delays=delays, route=route)
    assert distance(fitted.eigenvalues, KNOWN) < 1e-8
    assert fitted.residuals.max() < 1e-8
    assert fitted.amplitudes.shape == (3, 6)


@pytest.mark.parametrize(("width", "delays"), [(5, 64), (40, 8), (700, 0), (700, 3)])
@pytest.mark.parametrize("route", ["time", "time_qr", "feature", "feature_qr"])
def test_noisy_pooled_delayed_data_give_the_dense_eigenvalues(width, delays, route):
    data = linear_runs(runs=4, steps=120, width=width, noise=0.05, seed=2).astype(np.float32)
    fitted = fit(data, svd_rank=6, delays=delays, route=route)
    assert fitted.route == route
    assert distance(fitted.eigenvalues, dense(data, 6, delays)) < 1e-9


@pytest.mark.parametrize("svd_rank", [0, 0.9, 0.9999, 3, 7, -1])
@pytest.mark.parametrize("width", [12, 300])
def test_rank_eigenvalues_and_modes_are_those_of_pydmd(svd_rank, width):
    from pydmd import DMD

    data = linear_runs(runs=1, steps=50, width=width, noise=0.1)[0]
    peer = DMD(svd_rank=svd_rank, exact=True).fit(data.T)
    fitted = fit(data, svd_rank=svd_rank)
    assert fitted.rank == len(peer.eigs)
    assert distance(fitted.eigenvalues, peer.eigs) < 1e-8
    modes = fitted.modes(exact=True)
    for value, mode in zip(peer.eigs, peer.modes.T):
        ours = modes[:, np.argmin(np.abs(fitted.eigenvalues - value))]
        cosine = np.abs(np.vdot(ours, mode)) / np.linalg.norm(ours) / np.linalg.norm(mode)
        assert cosine > 1 - 1e-8


@pytest.mark.parametrize("route", ["direct", "time", "feature"])
@pytest.mark.parametrize("exact", [False, True])
def test_modes_amplitudes_and_eigenvalues_rebuild_and_forecast_the_data(route, exact):
    data = linear_runs(steps=50)
    fitted = fit(data[:, :40], svd_rank=6, delays=2, route=route)
    for run in range(3):
        assert np.allclose(fitted.reconstruction(run, exact=exact), data[run, 2:40], atol=1e-7)
        assert np.allclose(fitted.forecast(10, run, exact=exact), data[run, 40:], atol=1e-6)


def test_a_trajectory_file_gives_what_its_arrays_give(tmp_path):
    data = linear_runs(noise=0.01, width=500).astype(np.float32)
    with TrajectoryWriter(tmp_path / "t.h5", [("a", (200,)), ("b", (300,))], 3, study={}, seeds=[], steps=60) as writer:
        for step in range(60):
            writer.append(step, data[:, step])
    with Trajectory(tmp_path / "t.h5") as file:
        both = fit(file, svd_rank=6, columns=file.columns("b"), replicas=[0, 2]), fit(data[[0, 2], :, 200:], svd_rank=6)
        assert np.allclose(both[0].eigenvalues, both[1].eigenvalues, atol=1e-12)
        assert np.allclose(both[0].modes(), both[1].modes(), atol=1e-9)


def written(path, data, names=("a", "b"), every=1):
    """A trajectory file of `data` (run, step, parameter), its parameters in two tensors."""
    runs, steps, width = data.shape
    with TrajectoryWriter(
        path, [(names[0], (20,)), (names[1], (width - 20,))], runs, study={}, seeds=[], steps=steps
    ) as writer:
        for step in range(steps):
            writer.append(every * step, data[:, step])
    return Trajectory(path)


@pytest.mark.parametrize(("width", "route"), [(900, "time"), (30, "feature")])
def test_several_files_of_unequal_length_are_fitted_as_their_pooled_arrays(tmp_path, width, route, monkeypatch):
    monkeypatch.setattr("koopflow.koopman.runs.Runs.block_bytes", 8 * 400 * 300)
    data = linear_runs(noise=0.01, width=width, steps=400).astype(np.float32)
    files = [written(tmp_path / "one.h5", data[:2, :300]), written(tmp_path / "two.h5", data[2:])]
    options = {"svd_rank": 6, "delays": 3, "route": route}
    pooled = fit(files, columns=files[0].columns("b"), **options)
    arrays = fit([data[0, :300, 20:], data[1, :300, 20:], data[2, :, 20:]], **options)
    assert pooled.runs.lengths == [300, 300, 400]
    assert np.allclose(pooled.eigenvalues, arrays.eigenvalues, atol=1e-11)
    assert np.allclose(np.abs(pooled.modes(lag=3)), np.abs(arrays.modes(lag=3)), atol=1e-8)


@pytest.mark.parametrize("held_bytes", [0, 1 << 20])
def test_workers_share_every_column_once_whatever_the_data_come_from(tmp_path, monkeypatch, held_bytes):
    data = np.concatenate(linear_runs(1, 30, 40, noise=0.1)).astype(np.float32)
    for name, rows in (("one", slice(0, 18)), ("two", slice(18, 30))):
        written(tmp_path / f"{name}.h5", data[None, rows])
    files = [Trajectory(tmp_path / "one.h5"), Trajectory(tmp_path / "two.h5")]
    monkeypatch.setattr("koopflow.koopman.runs.Runs.block_bytes", 8 * 30 * 7)
    monkeypatch.setattr("koopflow.koopman.runs.Runs.cached_bytes", 8 * 30 * 3)
    monkeypatch.setattr("koopflow.koopman.source.FileRuns.held_bytes", held_bytes)
    for runs in (as_runs([data[:18], data[18:]]), as_runs(files), as_runs(files[0])):
        whole = data[: runs.offsets[-1]]
        for workers in (1, 2, 3, 50):
            seen = []
            runs.share(lambda *part, seen=seen: seen.append((*part[:3], part[3].copy())), workers)
            in_order = sorted(seen, key=lambda part: part[1])
            assert np.array_equal(np.concatenate([block for *_, block in in_order], axis=1), whole)
            assert [start for _, start, _, _ in in_order] == [0, *(stop for _, _, stop, _ in in_order[:-1])]
            assert (len({worker for worker, *_ in seen}) > 1) == (workers > 1)


@pytest.mark.parametrize("width", [900, 30])
def test_a_small_file_is_read_once_and_fitted_to_the_same_bits_as_one_that_is_read_again(tmp_path, width, monkeypatch):
    runs = written(tmp_path / "runs.h5", linear_runs(noise=0.01, width=width, steps=400).astype(np.float32))
    reads, read = [], Trajectory.blocks
    monkeypatch.setattr(Trajectory, "blocks", lambda *given, **more: reads.append(1) or read(*given, **more))
    held = fit(runs, svd_rank=6, delays=2)
    held_modes = held.modes(lag=2)
    once = len(reads)
    monkeypatch.setattr("koopflow.koopman.source.FileRuns.held_bytes", 0)
    again = fit(runs, svd_rank=6, delays=2)
    assert np.array_equal(held.eigenvalues, again.eigenvalues)
    assert np.array_equal(held_modes, again.modes(lag=2))
    assert once == 1 < len(reads) - once


@pytest.mark.parametrize("route", ["sketch", "time"])
def test_the_number_of_threads_changes_nothing_but_the_order_of_sums(route, monkeypatch):
    monkeypatch.setattr("koopflow.koopman.runs.Runs.block_bytes", 1 << 16)
    data = falling_runs(1e-2)
    alone = fit(data, svd_rank=5, route=route, precision="single")
    for module in ("runs", "sketch"):
        monkeypatch.setattr(f"koopflow.koopman.{module}.worker_count", lambda: 3)
    shared = fit(data, svd_rank=5, route=route, precision="single")
    assert np.allclose(shared.eigenvalues, alone.eigenvalues, atol=1e-6)
    assert np.allclose(np.abs(shared.modes()), np.abs(alone.modes()), atol=1e-5)


def test_files_of_other_parameters_or_spacing_are_not_pooled(tmp_path):
    data = linear_runs()
    first = written(tmp_path / "one.h5", data)
    with pytest.raises(
        KoopflowError,
        match=r"two.h5: holds c \(20,\) where one.h5 holds b \(20,\); pooled trajectories must have the same",
    ):
        fit([first, written(tmp_path / "two.h5", data, names=("a", "c"))])
    with pytest.raises(
        KoopflowError, match=r"three.h5: pooled trajectories must have equal step spacing \(got 2, but 1 in one.h5\)"
    ):
        fit([first, written(tmp_path / "three.h5", data, every=2)])


def test_ill_conditioned_states_take_the_stable_route_and_keep_their_digits():
    generator = np.random.default_rng(5)
    values = np.array([1.0, 0.97, 0.9, 0.8])
    sizes = np.array([1.0, 1e-3, 1e-5, 1e-7])
    mixing = np.linalg.qr(generator.standard_normal((9000, 4)))[0]
    data = (values ** np.arange(40)[:, None] * sizes) @ mixing.T
    fitted = fit(data, svd_rank=4)
    assert fitted.route == "time_qr"
    assert distance(fitted.eigenvalues, values) < 1e-6
    assert distance(fit(data, svd_rank=4, route="time").eigenvalues, values) > 1e-4


@pytest.mark.parametrize(("smallest", "route"), [(1e-2, "time"), (1e-6, "time_qr")])
def test_float32_states_on_a_large_offset_are_as_good_as_a_dense_double_svd(smallest, route):
    """Weights hardly move: what matters is in their last digits, whose squares a Gram matrix would
    lose."""
    generator = np.random.default_rng(6)
    time, sizes = np.arange(60)[:, None], np.geomspace(1, smallest, 4)
    moves = np.array([0.99, 0.95, 0.9, 0.8]) ** time * sizes @ generator.standard_normal((4, 8000))
    data = (10 * generator.standard_normal(8000) + moves).astype(np.float32)
    fitted = fit(data, svd_rank=4)
    assert fitted.route == route
    assert distance(fitted.eigenvalues, dense([data], 4, 0)) < 1e-9


@pytest.mark.parametrize("exact", [False, True])
def test_single_precision_keeps_five_digits_of_weights_that_hardly_move(exact):
    generator = np.random.default_rng(7)
    time, sizes = np.arange(80)[:, None], np.array([1.0, 0.3, 0.1])
    moves = 0.1 * (np.array([0.99, 0.95, 0.9]) ** time * sizes) @ generator.standard_normal((3, 8000))
    data = (10 * generator.standard_normal(8000) + moves).astype(np.float32)
    double, single = (fit(data, svd_rank=4, precision=precision) for precision in ("double", "single"))
    assert distance(single.eigenvalues, double.eigenvalues) < 1e-5
    for ours, theirs in zip(single.modes(exact=exact).T, double.modes(exact=exact).T):
        assert np.abs(np.vdot(ours, theirs)) / np.linalg.norm(ours) / np.linalg.norm(theirs) > 1 - 1e-7


def falling_runs(smallest, more=0.0, seed=8):
    """Two runs (run, step, parameter), float32: an offset, rotations whose sizes fall to
    `smallest`, and `more` such that do not fall."""
    generator = np.random.default_rng(seed)
    time, phases = np.arange(120), generator.uniform(0, 6, (2, 1))
    sizes = np.geomspace(1, smallest, 5)
    waves = [0.99**time * size * np.exp(1j * ((0.1 + 0.2 * k) * time + phases)) for k, size in enumerate(sizes)]
    waves += [more * np.exp(1j * ((0.15 + 0.07 * k) * time + phases)) for k in range(30)]
    moving = np.concatenate([np.real(waves), np.imag(waves)])
    mixing = generator.standard_normal((len(moving), 6000))
    return (generator.standard_normal(6000) + np.einsum("wrs,wp->rsp", moving, mixing)).astype(np.float32)


@pytest.mark.parametrize(
    ("smallest", "more", "route"),
    [(0.05, 0, "sketch"), (0.05, 0.02, "time"), (3e-5, 0, "time_qr"), (1e-6, 0, "time_qr")],
)
def test_single_precision_takes_a_sketch_where_it_holds_four_digits_and_more_work_where_not(smallest, more, route):
    data = falling_runs(smallest, more)
    fitted = fit(data, svd_rank=11, precision="single")
    assert fitted.route == route
    assert distance(fitted.eigenvalues, dense(data, 11, 0)) < 1e-4
    double = fit(data, svd_rank=11, route="time_qr")
    assert np.allclose(fitted.residuals, double.residuals, atol=1e-3)
    assert fitted.reduced.energy == pytest.approx(double.reduced.energy, abs=1e-6)
    i, j = matching(fitted.eigenvalues, double.eigenvalues)
    for ours, theirs in zip(fitted.modes(i).T, double.modes(j).T):
        assert np.abs(np.vdot(ours, theirs)) / np.linalg.norm(ours) / np.linalg.norm(theirs) > 1 - 1e-6


def test_a_sketch_is_not_taken_for_few_states_whose_products_cost_less():
    assert fit(falling_runs(0.05)[:1, :60], svd_rank=5, precision="single").route == "time"


def test_a_sketch_mixes_every_block_in_its_own_way(monkeypatch):
    """Mixed alike, these blocks would cancel (the second half of the parameters is the first's
    negative): 1e-5, not 1e-6."""
    for name in ("block_bytes", "cached_bytes"):
        monkeypatch.setattr(f"koopflow.koopman.runs.Runs.{name}", 8 * 240 * 1500)
    half = falling_runs(0.05, 0.002)
    fitted = fit(np.concatenate([half, -half], axis=2), svd_rank=11, route="sketch")
    assert distance(fitted.eigenvalues, dense(half, 11, 0)) < 4e-6


def test_a_sketch_says_what_it_cannot_do():
    with pytest.raises(
        KoopflowError, match=r"sketch needs an integer svd_rank and no delays \(got svd_rank 0\.9 and 2 delays\)"
    ):
        fit(falling_runs(0.1), svd_rank=0.9, delays=2, route="sketch")
    with pytest.raises(KoopflowError, match=r"svd_rank must be at most .*got 50"):
        fit(np.outer(np.arange(80), np.ones(9000)), svd_rank=50, route="sketch")


@pytest.mark.parametrize("svd_rank", [0, 0.99, -1])
def test_rank_deficient_states_are_fitted_in_the_directions_they_have(svd_rank):
    data = linear_runs(width=200) @ np.diag(np.arange(200) < 150)
    fitted = fit(data, svd_rank=svd_rank)
    assert fitted.rank <= 6
    assert np.abs(fitted.eigenvalues[:, None] - KNOWN).min(1).max() < 0.2
    if svd_rank == -1:
        assert distance(fitted.eigenvalues, KNOWN) < 1e-6


@pytest.mark.parametrize("variant", ["total_least_squares", "forward_backward"])
def test_noise_correction_lowers_the_bias_of_least_squares(variant):
    errors = {"standard": [], variant: []}
    for seed in range(8):
        data = linear_runs(runs=1, steps=200, width=30, noise=0.1, seed=seed)
        for name in errors:
            found = fit(data, svd_rank=6, variant=name).eigenvalues
            errors[name].append(np.abs(found[:, None] - np.exp([0.1j, -0.1j])).min(0).mean())
    assert np.mean(errors[variant]) < 0.8 * np.mean(errors["standard"])


def test_the_noise_corrected_variants_agree_with_least_squares_without_noise():
    for variant in ("total_least_squares", "forward_backward"):
        assert distance(fit(linear_runs(), svd_rank=6, variant=variant).eigenvalues, KNOWN) < 1e-7


def test_residuals_tell_true_eigenpairs_from_those_of_noise():
    data = np.concatenate(
        [linear_runs(runs=1, steps=200)[0], np.random.default_rng(1).standard_normal((200, 4))], axis=1
    )
    fitted = fit(data, svd_rank=10)
    believed = fitted.eigenvalues[fitted.believable(0.1)]
    assert np.abs(believed[:, None] - KNOWN).min(1).max() < 0.05
    assert 4 <= len(believed) <= 6


@pytest.mark.parametrize("svd_rank", [0, 0.9, 1, -1])
@pytest.mark.parametrize(
    ("shape", "delays", "route"), [((20, 7), 0, "auto"), ((20, 7), 3, "feature"), ((9, 900), 2, "time")]
)
def test_a_constant_trajectory_has_the_single_eigenvalue_one(svd_rank, shape, delays, route):
    fitted = fit(np.full(shape, 3.0), svd_rank=svd_rank, delays=delays, route=route)
    assert fitted.rank == 1
    assert abs(fitted.eigenvalues[0] - 1) < 1e-12


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (np.zeros((10, 4)), {}, "all zero"),
        (np.full((10, 4), np.nan), {}, "run 0 must be finite \\(got nan at step 0, column 0\\)"),
        (np.ones((1, 4)), {}, r"run 0 must have at least 2 steps"),
        (np.ones((9, 4)), {"delays": 8}, r"run 0 must have at least 10 steps"),
        (np.ones((9, 4)), {"delays": -1}, "delays must be a non-negative integer .got -1"),
        (np.ones((9, 4)), {"svd_rank": 2}, "svd_rank must be at most 1, the rank of the data .got 2"),
        (np.ones((9, 4)), {"svd_rank": 1.5}, r"svd_rank must be 0 .*got 1.5"),
        (np.ones((9, 4)), {"variant": "magic"}, "variant must be one of .*got 'magic'"),
        ([np.ones((9, 4)), np.ones((9, 5))], {}, "same parameters \\(got 4 in run 0, 5 in run 1\\)"),
        ([], {}, "no run to fit"),
    ],
)
def test_bad_input_is_one_clear_line(data, options, message):
    with pytest.raises(KoopflowError, match=message):
        fit(data, **options)


def test_the_same_data_give_the_same_bytes():
    data = linear_runs(noise=0.1, width=30, steps=700)
    first, second = (fit(data, svd_rank=5, delays=9, route="feature").eigenvalues for _ in range(2))
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (slice(None, None, -1), "must be in the order of their index"),
        ([*range(10), *range(20, 40)], r"at equal steps of their index \(got steps from 1 to 11\)"),
    ],
)
def test_rows_of_a_table_that_do_not_follow_each_other_are_refused(rows, problem):
    turn = 0.3 * np.arange(40)
    table = pd.DataFrame({"a": np.cos(turn), "b": np.sin(turn)})
    with pytest.raises(KoopflowError, match=problem):
        fit(table.iloc[rows], svd_rank=2)
    months = table.set_axis(pd.date_range("2000-01-01", periods=40, freq="MS"))
    for given in (months, months.to_period("M"), table.iloc[rows].reset_index(drop=True)):
        fit(given, svd_rank=2)


@pytest.mark.parametrize("replicas", [[5], [0.5], 7, [True]])
def test_replicas_must_be_indices_of_runs(replicas):
    with pytest.raises(KoopflowError, match="replicas must be indices of the 2 runs"):
        fit(np.random.default_rng(0).normal(size=(2, 30, 2)), svd_rank=2, replicas=replicas)
