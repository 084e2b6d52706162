"""The trajectory file: what is written is read, and whatever is wrong with a file is said in one
line."""

import contextlib
import os

import h5py
import numpy as np
import pytest

from koopflow.core.errors import KoopflowError
from koopflow.trajectory import Trajectory, TrajectoryWriter
from koopflow.trajectory.checksums import sign, unsign

PARAMETERS = [("first.weight", (4, 10)), ("first.bias", (10,)), ("second.weight", (3, 5))]
WIDTH = 65


def states(steps=40, replicas=3, width=WIDTH):
    return np.random.default_rng(3).standard_normal((steps, replicas, width)).astype(np.float32)


def write(path, weights, first=0, close=True, **options):
    """Append `weights` (step, replica, parameter) from index `first` on; a new file when `first` is
    0."""
    if first:
        writer = TrajectoryWriter.resume(path, first)
    else:
        writer = TrajectoryWriter(path, PARAMETERS, weights.shape[1], study={"width": 5}, seeds=[7, 8, 9], **options)
    for step in range(first, len(weights)):
        writer.append(2 * step, weights[step], np.full(weights.shape[1], step))
    if close:
        writer.close()
    return writer


@pytest.mark.parametrize("options", [{"steps": 40}, {}, {"compression": "gzip"}, {"steps": 60}])
def test_what_is_written_is_read(tmp_path, options):
    weights = states()
    write(tmp_path / "t.h5", weights, **options)
    with Trajectory(tmp_path / "t.h5") as trajectory:
        assert np.array_equal(trajectory.read(), weights.swapaxes(0, 1))
        assert np.array_equal(trajectory.steps, 2 * np.arange(40))
        assert np.array_equal(trajectory.loss, np.tile(np.arange(40.0), (3, 1)))
        assert [(p.name, p.shape) for p in trajectory.parameters] == PARAMETERS
        assert trajectory.study == {"width": 5}
        assert trajectory.seeds == [7, 8, 9]
        assert trajectory.complete
    assert not (tmp_path / "t.h5.partial").exists()
    assert h5py.File(tmp_path / "t.h5")["weights"].shape == (3, 40, WIDTH)


def test_a_window_holds_the_states_of_its_steps_and_refuses_a_gap(tmp_path):
    weights = states()
    with TrajectoryWriter(tmp_path / "t.h5", PARAMETERS, 3, study={}, seeds=[]) as writer:
        for place, step in enumerate([*range(20), *range(30, 50)]):
            writer.append(step, weights[place])
    with Trajectory(tmp_path / "t.h5") as trajectory:
        part = trajectory.window(33, 41)
        assert np.array_equal(part.read(replicas=[2, 0]), weights[23:32].swapaxes(0, 1)[[2, 0]])
        assert part.steps.tolist() == list(range(33, 42))
        assert np.array_equal(part.window(35, 36).read()[1], weights[25:27, 1])
        assert np.array_equal(part.state(-1, 1)["first.bias"], weights[31, 1, 40:50])
        assert np.array_equal(trajectory.read(), weights.swapaxes(0, 1))
        with pytest.raises(KoopflowError, match=r"t\.h5: 5 of the 15 states of steps 15 to 29 were captured"):
            trajectory.window(15, 29)


def test_columns_follow_name_patterns_and_join_neighbours(tmp_path):
    write(tmp_path / "t.h5", states())
    with Trajectory(tmp_path / "t.h5") as trajectory:
        assert trajectory.columns("first.*") == [(0, 50)]
        assert trajectory.columns(["*.weight"]) == [(0, 40), (50, 65)]
        assert np.array_equal(trajectory.read(trajectory.columns("*.weight"))[:, :, 40:], trajectory.read()[:, :, 50:])
        with pytest.raises(KoopflowError, match=r"t.h5: no parameter matches 'third"):
            trajectory.columns(["third*"])


@pytest.mark.parametrize("block_bytes", [1, 4 * 40 * 3 * 7, 1 << 20])
@pytest.mark.parametrize("width", [WIDTH, 30_011])
def test_blocks_cover_every_column_once_in_order(tmp_path, block_bytes, width):
    weights = states(steps=12, width=width)
    with TrajectoryWriter(
        tmp_path / "t.h5", [("a", (width - 20,)), ("b", (20,))], 3, study={}, seeds=[], steps=12
    ) as writer:
        for step, state in enumerate(weights):
            writer.append(step, state)
    with Trajectory(tmp_path / "t.h5") as trajectory:
        pieces = []
        for start, stop, block in trajectory.blocks([(3, width - 5)], [2, 0], block_bytes=max(block_bytes, width * 4)):
            assert start == sum(piece.shape[2] for piece in pieces)
            assert block.shape[2] == stop - start
            pieces.append(block.copy())
        assert np.array_equal(np.concatenate(pieces, 2), weights.swapaxes(0, 1)[[2, 0], :, 3 : width - 5])


def test_blocks_a_little_narrower_than_a_chunk_end_where_chunks_end(tmp_path):
    """A chunk cut in two was read twice more for its checksum."""
    with TrajectoryWriter(tmp_path / "t.h5", [("a", (50_000,))], 1, study={}, seeds=[], steps=300) as writer:
        for step in range(300):
            writer.append(step, np.full((1, 50_000), step, np.float32))
    with Trajectory(tmp_path / "t.h5") as trajectory:
        chunk = trajectory._weights.chunks[2]
        assert 1 < chunk < 50_000
        assert all(start % chunk == 0 for start, _ in trajectory.pieces([(0, 50_000)], chunk - 100))
        assert max(stop - start for start, stop in trajectory.pieces([(0, 50_000)], chunk // 3)) <= chunk // 3


@pytest.mark.parametrize("options", [{"steps": 40}, {}])
def test_a_run_killed_and_resumed_writes_the_same_bytes(tmp_path, options):
    weights = states()
    write(tmp_path / "whole.h5", weights, **options)
    child = os.fork()
    if child == 0:  # dies with 25 states flushed and one in memory
        writer = write(tmp_path / "killed.h5", weights[:25], close=False, **options)
        writer.flush()
        writer.append(2 * 25, weights[0])
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    assert not (tmp_path / "killed.h5").exists()
    with Trajectory(tmp_path / "killed.h5.partial") as partial:
        assert np.array_equal(partial.read(), weights[:25].swapaxes(0, 1))
        assert not partial.complete
    write(tmp_path / "killed.h5", weights, first=20)
    assert (tmp_path / "killed.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_resuming_refuses_to_keep_more_than_there_is(tmp_path):
    write(tmp_path / "t.h5", states()[:10], close=False, steps=40).abandon()
    with pytest.raises(KoopflowError, match=r"steps_kept must be from 0 to 10, .*got 11"):
        TrajectoryWriter.resume(tmp_path / "t.h5", 11)
    with pytest.raises(KoopflowError, match="cannot resume"):
        TrajectoryWriter.resume(tmp_path / "other.h5", 1)


def test_appending_refuses_wrong_shapes_and_steps(tmp_path):
    with TrajectoryWriter(tmp_path / "t.h5", PARAMETERS, 3, study={}, seeds=[], steps=2) as writer:
        writer.append(5, states()[0])
        with pytest.raises(KoopflowError, match="step 5 does not come after step 5"):
            writer.append(5, states()[0])
        with pytest.raises(KoopflowError, match=r"must have shape \(3, 65\) \(got \(3, 64\)\)"):
            writer.append(6, states()[0][:, :-1])
        writer.append(6, states()[0])
        with pytest.raises(KoopflowError, match="more than the 2 states announced"):
            writer.append(7, states()[0])


def test_a_partial_file_stays_after_an_exception(tmp_path):
    def fail():
        with TrajectoryWriter(tmp_path / "t.h5", PARAMETERS, 3, study={}, seeds=[]) as writer:
            writer.append(0, states()[0])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with pytest.raises(KoopflowError, match=r"t.h5: no such file; .*t.h5.partial exists, unfinished"):
        Trajectory(tmp_path / "t.h5")
    assert len(Trajectory(tmp_path / "t.h5.partial").steps) == 1


def damage(path, how):
    """Change what the file says, and sign it as if it had been written so."""
    unsign(path)
    with h5py.File(path, "r+") as file:
        if how == "steps":
            file["steps"][4] = 6
        elif how == "nan":
            file["weights"][1, 7, 44] = np.nan
        elif how == "inf":
            file["weights"][2, 0, 64] = -np.inf
        elif how == "parameters":
            file["weights"].resize(60, 2) if file["weights"].maxshape[2] is None else None
            del file["parameters"]
        elif how == "loss":
            del file["loss"]
            file["loss"] = np.zeros((3, 12))
        elif how == "float64":
            weights = file["weights"][:]
            del file["weights"]
            file["weights"] = weights.astype(np.float64)
        elif how == "flat":
            del file["weights"]
            file["weights"] = np.zeros((40, 65), np.float32)
        elif how == "version":
            file.attrs["format_version"] = 99
        elif how == "foreign":
            del file.attrs["format"]
    with contextlib.suppress(KeyError, TypeError, ValueError):
        sign(path)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("steps", r"/steps must increase \(got 6, then 6 at row 4\)"),
        ("nan", r"weight nan in first.bias of replica 1 at step 14"),
        ("inf", r"weight -inf in second.weight of replica 2 at step 0"),
        ("parameters", r"not a koopflow trajectory, or a damaged one"),
        ("loss", r"shapes disagree"),
        ("float64", r"/weights must be float32 \(got float64\)"),
        ("flat", r"/weights must have 3 axes \(got shape \(40, 65\)\)"),
        ("version", r"format version 99, this koopflow reads up to 2"),
        ("foreign", r"an HDF5 file, but not a koopflow trajectory"),
    ],
)
def test_a_damaged_file_is_named_in_one_line_and_left_alone(tmp_path, how, message):
    path = tmp_path / "t.h5"
    write(path, states(), steps=40)
    damage(path, how)
    before = path.read_bytes()
    with pytest.raises(KoopflowError, match=message) as caught:
        Trajectory(path).read()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("options", [{"steps": 40}, {}])
def test_a_truncated_file_is_named(tmp_path, options):
    write(tmp_path / "t.h5", states(), **options)
    whole = (tmp_path / "t.h5").read_bytes()
    for kept in (len(whole) - 20_000, len(whole) // 2, 100, 0):
        (tmp_path / "cut.h5").write_bytes(whole[:kept])
        with pytest.raises(KoopflowError, match=r"cut.h5: (a truncated|not an HDF5|a truncated or damaged)"):
            Trajectory(tmp_path / "cut.h5")


def test_a_text_file_and_a_folder_are_refused(tmp_path):
    (tmp_path / "t.h5").write_text("weights")
    for path in (tmp_path / "t.h5", tmp_path):
        with pytest.raises(KoopflowError, match="not an HDF5 file"):
            Trajectory(path)
