"""`koopflow.fit` takes what people have in memory or on disk, and refuses in one line what cannot
be meant."""

import numpy as np
import pandas as pd
import pytest
import torch

import koopflow as kf
from koopflow.trajectory import TrajectoryWriter

TIME = np.arange(60)
STATES = np.stack([0.95**TIME * np.cos(0.3 * TIME), 0.95**TIME * np.sin(0.3 * TIME), 0.8**TIME], axis=1)
TRUE = [0.95 * np.exp(0.3j), 0.95 * np.exp(-0.3j), 0.8]


def recorded(path, runs, every=1):
    """A trajectory file of `runs` (run, step, parameter) with the parameters a (two numbers) and
    b."""
    with TrajectoryWriter(
        path, [("a", (2,)), ("b", (1,))], len(runs), study={}, seeds=[], steps=len(runs[0])
    ) as writer:
        for step, states in enumerate(np.swapaxes(runs, 0, 1)):
            writer.append(every * step, states)
    return path


@pytest.fixture
def file(tmp_path):
    return recorded(tmp_path / "run.h5", np.stack([STATES, 2 * STATES]))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "states").mkdir()
    for step, state in enumerate(STATES):
        np.save(tmp_path / f"states/state{step}.npy", state)
    return tmp_path / "states"


@pytest.mark.parametrize(
    "given",
    [
        STATES,
        np.stack([STATES, 2 * STATES]),
        [STATES, STATES[:40]],
        STATES.tolist(),
        list(STATES),
        [STATES.tolist(), STATES[:40].tolist()],
        torch.tensor(STATES),
        torch.tensor(STATES, requires_grad=True),
        [torch.tensor(STATES), torch.tensor(STATES)],
        pd.DataFrame(STATES, columns=list("abc")),
        [pd.DataFrame(STATES), pd.DataFrame(STATES[:40])],
        np.ma.masked_array(STATES, mask=False),
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_is_held_in_memory_is_fitted(given):
    assert kf.distance(kf.fit(given, rank=3), TRUE) < 1e-9


def test_a_bfloat16_tensor_is_fitted_to_its_own_digits():
    assert kf.distance(kf.fit(torch.tensor(STATES, dtype=torch.bfloat16), rank=3), TRUE) < 0.05


def test_files_and_folders_and_lists_of_them_are_fitted(file, folder):
    for given in (
        file,
        str(file),
        [file, file],
        kf.Trajectory(file),
        [kf.Trajectory(file), str(file)],
        folder,
        [folder],
    ):
        operator = kf.fit(given, rank=3)
        assert kf.distance(operator, TRUE) < 1e-5
        assert operator.modes.shape == (3, 3), "modes are read after the file was opened"


def test_parameters_select_from_files_and_data_frames(file):
    assert kf.distance(kf.fit(file, rank=2, parameters="a"), TRUE[:2]) < 1e-5
    assert kf.distance(kf.fit(pd.DataFrame(STATES, columns=["a", "aa", "b"]), rank=2, parameters="a*"), TRUE[:2]) < 1e-9


def test_replicas_select_runs(file):
    one = kf.fit(file, rank=3, replicas=[1])
    assert one.amplitudes.shape == (1, 3)
    assert kf.fit(np.stack([STATES, 2 * STATES]), rank=3, replicas=[0]).amplitudes.shape == (1, 3)


def test_a_series_of_one_parameter_is_fitted_with_delays():
    for series in (np.cos(0.3 * TIME), pd.Series(np.cos(0.3 * TIME)), np.cos(0.3 * TIME).tolist()):
        assert kf.distance(kf.fit(series, rank=2, delays=1), np.exp([0.3j, -0.3j])) < 1e-9


MASKED = np.ma.masked_array(STATES, mask=np.zeros_like(STATES, bool))
MASKED[10:20] = np.ma.masked


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (MASKED, {}, "the data must not contain masked values \\(got 30 of 180\\)"),
        ([MASKED, STATES], {}, "run 0 must not contain masked values \\(got 30 of 180\\)"),
        (STATES * 1e300, {}, "largest magnitude of run 0 must be .*\\(got .*e.300\\); rescale the data"),
        (STATES * 1e-300, {}, "largest magnitude of run 0 must be .*\\(got .*e-300\\)"),
        (STATES, {"rank": "3"}, r"rank must be 0 .*\(got '3'\)"),
        (STATES, {"rank": True}, r"rank must be 0 .*\(got True\)"),
        (STATES, {"rank": 9}, r"rank must be at most 3, the rank of the data \(got 9\)"),
        (STATES, {"delays": 1.5}, r"delays must be a non-negative integer \(got 1.5\)"),
        (STATES, {"parameters": "a"}, "parameters needs trajectory files or data frames"),
        (STATES, {"variant": "fast"}, "variant must be one of standard, .*got 'fast'"),
        (STATES + 1j, {}, "the data must hold real numbers \\(got complex128"),
        (STATES.astype(object), {}, "the data must hold real numbers \\(got object"),
        (STATES[None, None], {}, r"wrong data shape \(1, 1, 60, 3\)"),
        (np.float64(3.0), {}, r"wrong data shape \(\)"),
        (
            pd.DataFrame({"when": pd.date_range("2020", periods=60), "x": TIME}),
            {},
            "column when of the data must hold real",
        ),
        ([[1.0, 2.0], [1.0]], {}, r"the list contains parts of shape \(1,\), \(2,\)"),
        ([[[1.0, 2.0], [1.0]]], {}, "run 0 has rows of unequal length"),
        ([STATES, STATES[0]], {}, "the list contains parts of shape"),
        ([STATES, STATES[:, :2]], {}, "same parameters \\(got 3 in run 0, 2 in run 1\\)"),
        ([], {}, "no run to fit"),
        ({"a": STATES}, {}, "cannot fit a dict"),
        (iter(STATES), {}, "cannot fit a "),
        ("no-such-run.h5", {}, "no-such-run.h5: no such file"),
        (["run.h5", STATES], {}, "must be a list of trajectory files or of arrays, not both \\(got a ndarray"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(given, options, message):
    with pytest.raises(kf.KoopflowError, match=message) as caught:
        kf.fit(given, **({"rank": 3} | options))
    assert "\n" not in str(caught.value)
    assert "svd_rank" not in str(caught.value)


def test_an_error_about_a_file_names_it(file, tmp_path):
    with pytest.raises(kf.KoopflowError, match=r"run.h5: rank must be at most 3, the rank of the data"):
        kf.fit(file, rank=7)
    with pytest.raises(kf.KoopflowError, match=r"run.h5: run 0 must have at least 61 steps for 59 delays"):
        kf.fit(str(file), delays=59)
    with pytest.raises(kf.KoopflowError, match=r"run.h5: no parameter matches 'c'"):
        kf.fit(file, parameters="c")


def test_a_saved_operator_is_the_same_operator(file, tmp_path):
    operator = kf.fit(file, rank=2, delays=1, parameters="a")
    operator.save(tmp_path / "op.npz")
    loaded = kf.load(tmp_path / "op.npz")
    for name in ("eigenvalues", "residuals", "amplitudes", "modes"):
        assert np.array_equal(getattr(loaded, name), getattr(operator, name)), name
    assert np.array_equal(loaded.forecast(4, run=0), operator.forecast(4, run=0))
    assert loaded.intervals().equals(operator.intervals())
    assert repr(loaded) == repr(operator)
    assert loaded.parameters == ["a"]
    np.savez(tmp_path / "other.npz", a=TIME)
    with pytest.raises(kf.KoopflowError, match="must be a koopman operator file in format 1"):
        kf.load(tmp_path / "other.npz")


def test_a_forecast_goes_on_where_the_run_ends():
    future = np.stack([0.95 ** np.arange(60, 65) * 1.0, 0.8 ** np.arange(60, 65)], axis=1)
    operator = kf.fit(np.stack([0.95**TIME, 0.8**TIME], axis=1), rank=2)
    assert np.allclose(operator.forecast(5), future, rtol=1e-6)
    with pytest.raises(kf.KoopflowError, match="steps must be at least 1"):
        operator.forecast(0)


def test_the_intervals_are_missing_where_runs_are_too_few():
    table = kf.fit(np.stack([STATES, 2 * STATES]), rank=3).intervals()
    assert table.attrs["resampled"] == "too few runs"
    assert table["real_low"].isna().all()
    with pytest.raises(kf.KoopflowError, match="level must be strictly between 0 and 1"):
        kf.fit(STATES, rank=3).intervals(level=95)


@pytest.mark.parametrize("variant", ["standard", "optimized"])
def test_an_operator_is_drawn(variant):
    figure = kf.fit(STATES, rank=3, variant=variant).plot(name="mine")
    assert len(figure.axes) == 2
    assert "mine (n = 1 run, 60 states)" in figure.legends[0].get_texts()[0].get_text()


def test_the_weighted_distance_needs_amplitudes():
    operator = kf.fit(STATES, rank=3)
    assert kf.distance(operator, operator, weighted=True) < 1e-12
    with pytest.raises(kf.KoopflowError, match="needs two operators"):
        kf.distance(operator, TRUE, weighted=True)
