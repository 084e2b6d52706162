"""Eigenvalues per optimizer step: known values, branches, and runs recorded at different intervals."""

import numpy as np
import pytest

import koopflow as kf
from koopflow.core.errors import KoopflowError
from koopflow.koopman.steps import per_step, rates, step_columns
from koopflow.trajectory import TrajectoryWriter


def test_per_step_is_the_root_that_turns_least():
    known = np.array([0.99, 0.9 * np.exp(0.3j), 0.9 * np.exp(-0.3j), 0.2])
    np.testing.assert_allclose(per_step(known**5, 5), known, atol=1e-14)
    growth, frequency = rates(known**5, 5)
    np.testing.assert_allclose(growth, np.log(np.abs(known)), atol=1e-13)
    np.testing.assert_allclose(frequency, [0, 0.3, -0.3, 0], atol=1e-13)


def test_zero_and_negative_eigenvalues_follow_the_stated_branch():
    values = per_step([0.0, -0.25, complex(-0.25, -0.0)], 2)
    np.testing.assert_allclose(values, [0, 0.5j, 0.5j], atol=1e-15)
    growth, frequency = rates([0.0, -1.0], 4)
    assert growth[0] == -np.inf
    assert frequency.tolist() == [0.0, np.pi / 4]


def test_a_motion_faster_than_half_a_turn_is_aliased_as_documented():
    fast = np.exp(2.0j)  # 4 radians in two steps, read as 4 - 2 pi
    np.testing.assert_allclose(np.angle(per_step([fast**2], 2)), [(4 - 2 * np.pi) / 2])


@pytest.mark.parametrize("interval", [0, -1, np.inf])
def test_an_impossible_interval_is_refused(interval):
    with pytest.raises(KoopflowError, match="positive number of steps"):
        per_step([0.5], interval)


def test_columns_hold_both_views():
    columns = step_columns([0.81], 2)
    assert columns["interval"].tolist() == [2]
    assert columns["step_real"][0] == pytest.approx(0.9)
    assert columns["growth"][0] == pytest.approx(np.log(0.9))


def runs_of_one_system(seeds, steps=121):
    """Ten noisy runs of a map with eigenvalues 0.99, 0.97 exp(± 0.1 i), seen through five parameters."""
    generator = np.random.default_rng(seeds)
    block = np.zeros((3, 3))
    block[0, 0] = 0.99
    block[1:, 1:] = 0.97 * np.array([[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]])
    seen = np.linalg.qr(np.random.default_rng(9).normal(size=(5, 5)))[0][:, :3]
    state, states = generator.normal(size=(10, 3)), []
    for _ in range(steps):
        states.append(state @ seen.T)
        state = state @ block.T + 0.02 * generator.normal(size=(10, 3))
    return np.stack(states, axis=1)


def test_the_same_runs_recorded_at_two_intervals_are_equivalent():
    runs = runs_of_one_system(0)
    often, seldom = runs[:, ::2], runs[:, ::6]
    found = kf.compare({"every 2": often, "every 6": seldom}, rank=3, interval={"every 2": 2, "every 6": 6})
    as_they_stand = kf.compare({"every 2": often, "every 6": seldom}, rank=3)
    print(found, as_they_stand, sep="\n")
    assert found.verdict == "equivalent"
    assert as_they_stand.verdict == "different"
    alike, apart = found.table.iloc[0], as_they_stand.table.iloc[0]
    assert alike["ci_high"] < 0.25
    assert alike["p_adjusted"] > 0.05
    assert apart["ci_low"] > 2
    assert apart["p_adjusted"] < 0.01


def test_files_tell_the_interval_and_saved_operators_keep_it(tmp_path):
    states = runs_of_one_system(1)[0]
    paths = []
    for interval in (2, 6):
        paths.append(tmp_path / f"every-{interval}.h5")
        kept = range(0, len(states), interval)
        with TrajectoryWriter(paths[-1], [("w", (5,))], 1, study={}, seeds=[], steps=len(kept)) as writer:
            for step in kept:
                writer.append(step, states[step][None].astype(np.float32), np.zeros(1))
    often, seldom = (kf.fit(path, rank=3) for path in paths)
    assert (often.interval, seldom.interval) == (2, 6)
    assert kf.distance(often, seldom) < 0.2 * kf.distance(often.eigenvalues, seldom.eigenvalues)
    np.testing.assert_allclose(seldom.rates[0], np.log(np.abs(seldom.per_step)))
    seldom.save(tmp_path / "operator.npz")
    assert kf.load(tmp_path / "operator.npz").interval == 6
    with pytest.raises(KoopflowError, match="interval must be 6, the steps between the states in the file"):
        kf.fit(paths[1], rank=3, interval=2)


def test_wrong_intervals_are_refused_by_name():
    runs = runs_of_one_system(2)
    with pytest.raises(KoopflowError, match="interval names 'c'"):
        kf.compare({"a": runs, "b": runs}, rank=3, interval={"c": 2})
    with pytest.raises(KoopflowError, match="whole number of steps"):
        kf.fit(runs, rank=3, interval=1.5)
