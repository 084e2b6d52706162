"""Damaged files: every kind that carries a checksum ends in one line that names it and the remedy,
or gives the very same content."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from koopflow.cli import verify
from koopflow.core.errors import KoopflowError
from koopflow.io import npz
from koopflow.io.tables import read_parquet, write_csv, write_parquet
from koopflow.training import checkpoint
from koopflow.trajectory import Trajectory, TrajectoryWriter, checksums

STEPS, REPLICAS, PARAMETERS = 30, 2, [("first.weight", (20, 9)), ("first.bias", (20,))]


def write_trajectory(path: Path, **options) -> None:
    states = np.random.default_rng(1).standard_normal((STEPS, REPLICAS, 200)).astype(np.float32)
    with TrajectoryWriter(path, PARAMETERS, REPLICAS, study={"a": 1}, seeds=[1, 2], **options) as writer:
        for step, state in enumerate(states):
            writer.append(step, state, [0.5, float(step)])


def read_trajectory(path: Path):
    with Trajectory(path) as opened:
        described = [
            opened.study,
            opened.seeds,
            [(each.name, each.shape) for each in opened.parameters],
            opened.code_version,
        ]
        return [opened.read(), opened.steps, opened.loss, np.frombuffer(repr(described).encode(), np.uint8)]


def write_table(path: Path) -> None:
    values = np.random.default_rng(2).standard_normal(300)
    write_parquet(pd.DataFrame({"series": ["a", "b", "c"] * 100, "origin": np.arange(300), "truth": values}), path)


def read_table(path: Path):
    frame = read_parquet(path)
    return [frame[name].to_numpy() for name in frame] + [np.array(list(frame))]


def write_arrays(path: Path, compress: bool = False) -> None:
    found = {"a": np.random.default_rng(3).standard_normal((40, 9)), "header": np.array('{"x": 1}')}
    npz.save(path, "chain", 1, found, compress)


def read_arrays(path: Path):
    found = npz.load(path, "chain", 1, ("a", "header"))
    return [found["a"], found["header"]]


STATE = {"step": 7, "weights": torch.arange(500.0), "nested": {"name": [torch.ones(3)]}}


def write_checkpoint(path: Path) -> None:
    store = checkpoint.Store(checkpoint.Checkpoint(str(path.parent)), {}, {})
    store.save(STATE)
    store.path.rename(path)


def read_checkpoint(path: Path):
    state = checkpoint.read(path)
    return [np.array(state["step"]), state["weights"].numpy(), state["nested"]["name"][0].numpy()]


KINDS = {
    "allocated.h5": (lambda path: write_trajectory(path, steps=STEPS), read_trajectory),
    "growing.h5": (write_trajectory, read_trajectory),
    "packed.h5": (lambda path: write_trajectory(path, compression="gzip"), read_trajectory),
    "table.parquet": (write_table, read_table),
    "arrays.npz": (write_arrays, read_arrays),
    "packed.npz": (lambda path: write_arrays(path, True), read_arrays),
    "checkpoint.pt": (write_checkpoint, read_checkpoint),
}


def change_a_weight(path: Path, replica: int, step: int, column: int) -> None:
    """Change a number in the bytes of a file, its end left as it is; a packed one gets a changed
    byte instead."""
    with h5py.File(path, "r") as file:
        weights, found = file["weights"], []
        weights.id.chunk_iter(lambda info: found.append(info.byte_offset))
        place = (step * weights.chunks[2] + column) * 4 if weights.compression is None else 20
    content = bytearray(path.read_bytes())
    content[sorted(found)[replica] + place] ^= 1
    path.write_bytes(content)


def same(found, expected) -> bool:
    return len(found) == len(expected) and all(
        np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(found, expected)
    )


def fate(path: Path, read, expected) -> str:
    """Return "named" or "same"; anything else, another exception above all, fails the test."""
    try:
        found = read(path)
    except KoopflowError as error:
        line = str(error)
        assert str(path) in line
        assert "\n" not in line
        return "named"
    assert same(found, expected), "a damaged file was read as if it were whole"
    return "same"


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_byte_is_named_or_changes_nothing(tmp_path, kind):
    write, read = KINDS[kind]
    path = tmp_path / kind
    write(path)
    whole, expected = path.read_bytes(), read(path)
    generator = np.random.default_rng(sum(kind.encode()))
    fates = []
    for at in sorted(
        {*range(0, len(whole), max(1, len(whole) // 150)), *generator.integers(0, len(whole), 50).tolist()}
    ):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << int(generator.integers(8))
        path.write_bytes(damaged)
        fates.append(fate(path, read, expected))
    # Bytes that hold no content (room left in an HDF5 file, times and attributes in a zip file) may
    # be anything.
    assert fates.count("named") > 0.5 * len(fates) or kind.endswith(".h5"), fates.count("named")
    assert fates.count("named") > (5 if kind == "growing.h5" else 20)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_file_is_named(tmp_path, kind):
    write, read = KINDS[kind]
    path = tmp_path / kind
    write(path)
    whole, expected = path.read_bytes(), read(path)
    for kept in [0, 1, 7, 100, *(len(whole) * part // 16 for part in range(1, 16)), len(whole) - 1]:
        path.write_bytes(whole[:kept])
        assert fate(path, read, expected) == "named", kept


def test_every_weight_is_covered_by_a_checksum_that_is_compared(tmp_path):
    write_trajectory(tmp_path / "t.h5", steps=STEPS)
    for replica, step, column in ((0, 0, 0), (1, 29, 199), (0, 15, 180), (1, 7, 42)):
        copy = tmp_path / "copy.h5"
        copy.write_bytes((tmp_path / "t.h5").read_bytes())
        change_a_weight(copy, replica, step, column)
        with pytest.raises(KoopflowError, match=f"weights of replica {replica} .* do not match their checksum"):
            Trajectory(copy).read()
        with pytest.raises(KoopflowError, match="do not match their checksum"):
            Trajectory(copy).state(step, replica)
        with Trajectory(copy) as opened:  # a part of the file that is not damaged can still be read
            assert opened.read(replicas=[1 - replica]).shape == (1, STEPS, 200)


@pytest.mark.parametrize("name", ["steps", "loss"])
def test_a_changed_step_or_loss_is_named(tmp_path, name):
    write_trajectory(tmp_path / "t.h5", steps=STEPS)
    with h5py.File(tmp_path / "t.h5", "r+") as file:
        file[name][..., STEPS - 1] += 1
    with pytest.raises(
        KoopflowError, match=r"its checksums are missing, so it was cut or changed|its description does not match"
    ):
        Trajectory(tmp_path / "t.h5")


def test_an_older_trajectory_is_named_with_its_remedy_and_can_be_kept(tmp_path):
    path = tmp_path / "old.h5"
    write_trajectory(path, steps=STEPS)
    expected = read_trajectory(path)
    checksums.unsign(path)
    with h5py.File(path, "r+") as file:  # as the first version wrote it
        file.attrs["format_version"] = 1
    with pytest.raises(KoopflowError, match=r"old.h5: the older format version 1; .*--upgrade"):
        Trajectory(path)
    done = subprocess.run(
        [sys.executable, "-m", "koopflow.cli.verify", "--upgrade", str(path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert same(read_trajectory(path), expected)
    checksums.unsign(path)
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(KoopflowError, match="not a trajectory of format version"):
        checksums.upgrade(path)


def test_files_of_other_versions_and_kinds_are_named_with_their_remedy(tmp_path):
    npz.save(tmp_path / "a.npz", "chain", 1, {"a": np.zeros(2)})
    for kind, version, words in (
        ("chain", 2, "older koopflow"),
        ("chain", 0, "newer koopflow"),
        ("windows", 1, "holds chain"),
    ):
        with pytest.raises(
            KoopflowError, match=f"a.npz: must be a {kind} file in format {version}.*{words}.*recreate it"
        ):
            npz.load(tmp_path / "a.npz", kind, version)
    np.savez(tmp_path / "bare.npz", a=np.zeros(2))
    with pytest.raises(KoopflowError, match="unknown kind"):
        npz.load(tmp_path / "bare.npz", "chain", 1)
    with pytest.raises(KoopflowError, match="array b is missing"):
        npz.load(tmp_path / "a.npz", "chain", 1, ["b"])
    pd.DataFrame({"a": [1.0]}).to_parquet(tmp_path / "p.parquet")
    with pytest.raises(KoopflowError, match=r"p.parquet: format version must be 2 \(got 0\).*recreate it"):
        read_parquet(tmp_path / "p.parquet")
    torch.save(STATE, tmp_path / "old.pt")
    with pytest.raises(
        KoopflowError, match=r"old.pt: a checkpoint of another format version; remove it to train from the beginning"
    ):
        checkpoint.read(tmp_path / "old.pt")


def test_without_our_checksum_torch_reads_a_damaged_checkpoint_as_if_it_were_whole():
    """Why a checkpoint has a line of its own: the check of the zip file is switched off in
    torch."""
    content = io.BytesIO()
    torch.save(STATE, content)
    damaged = bytearray(content.getvalue())
    at = damaged.index(np.float32(123).tobytes() + np.float32(124).tobytes())
    damaged[at + 1] ^= 1
    assert not torch.equal(torch.load(io.BytesIO(bytes(damaged)), weights_only=True)["weights"], STATE["weights"])
    with zipfile.ZipFile(io.BytesIO(bytes(damaged))) as packed:
        assert packed.testzip() is not None


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    (folder / "deep").mkdir(parents=True)
    for kind, (write, _) in KINDS.items():
        write(folder / "deep" / kind)
    write_csv(pd.DataFrame({"a": [1.5]}), folder / "table.csv", ["a"])
    (folder / "choices.json").write_text("{}")
    from matplotlib.figure import Figure

    from koopflow.figures.style import save, use

    use()
    figure = Figure()
    figure.add_subplot().plot(np.random.default_rng(0).normal(size=50))
    save(figure, folder / "figure")
    (folder / "note.unknown").write_text("?")
    return folder


def ask(folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "koopflow.cli.verify", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])


def test_a_whole_results_folder_is_found_whole_and_what_is_unfinished_is_left_out(results):
    unfinished = results / ".claims.csv.partial"
    unfinished.write_text("claim,")
    done = ask(results)
    unfinished.unlink()
    assert done.returncode == 0, done.stderr
    assert f"{len(KINDS) + 5} files, 0 damaged, 1 of a kind that cannot be checked" in done.stdout


def test_each_damaged_file_of_a_results_folder_is_found(results):
    damaged = []
    for path in sorted(path for path in results.rglob("*") if path.suffix in verify.READERS):
        content = bytearray(path.read_bytes())
        if path.suffix in (".csv", ".json"):
            content = content[:-1] + b"\xff"
        elif path.suffix == ".h5":
            change_a_weight(path, 1, 3, 77)
            content = None
        else:
            content[len(content) // 2] ^= 16
        if content is not None:
            path.write_bytes(content)
        damaged.append(path)
    done = ask(results)
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == len(damaged), done.stderr
    for path, line in zip(damaged, lines):
        assert line.startswith("koopflow: ")
        assert str(path) in line
    assert "Traceback" not in done.stderr


def test_a_table_changed_after_it_was_used_is_found(tmp_path, monkeypatch):
    from koopflow.cli import provenance

    monkeypatch.chdir(tmp_path)
    Path("results").mkdir()
    for name in ("a", "b"):
        write_csv(pd.DataFrame({"x": [1.5]}), f"results/{name}.csv", ["x"])
    record = provenance.record_path("results/b.csv")
    record.parent.mkdir(parents=True)
    sums = {"results/a.csv": provenance._checksum("results/a.csv")}
    about = {
        "rule": "use",
        "input": ["results/a.csv"],
        "params": [],
        "starttime": 1,
        "endtime": 2,
        "input_checksums": str(sums),
    }
    record.write_text(json.dumps(about))
    assert [line for _, line in verify.examine("results") if line] == []
    write_csv(pd.DataFrame({"x": [2.5]}), "results/a.csv", ["x"])
    assert [line for _, line in verify.examine("results") if line] == [
        f"results/a.csv: changed since use made results/b.csv from it; {npz.REMEDY}"
    ]


@pytest.mark.parametrize("name", ["table.csv", "note.json", "figure.png", "figure.pdf", "page.rst"])
def test_a_flipped_byte_of_what_has_no_checksum_is_found_by_the_log_of_its_job(tmp_path, monkeypatch, name):
    """Each byte in turn (of large files some): text stays readable, and so may a figure."""
    from matplotlib.figure import Figure

    from koopflow.cli import provenance
    from koopflow.workflow.job import job

    monkeypatch.chdir(tmp_path)
    path = Path("results") / name
    with job("logs/make.log", outputs=[str(path)]):
        path.parent.mkdir()
        figure = Figure(figsize=(1, 1))
        figure.add_subplot().plot([1, 2])
        if path.suffix in (".png", ".pdf"):
            figure.savefig(path)
        else:
            path.write_text('{"x": 1.25}\n' if path.suffix == ".json" else "x,y\n1.25,2.5\n")
    record = provenance.record_path(str(path))
    record.parent.mkdir(parents=True)
    about = {"rule": "make", "input": [], "params": [], "starttime": 1, "endtime": 2, "log": ["logs/make.log"]}
    record.write_text(json.dumps(about))
    assert [line for _, line in verify.examine("results")] == [""]
    whole = path.read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        for folder in ("results", tmp_path / "results"):
            (line,) = [line for _, line in verify.examine(folder)]
            assert f"{name}: " in line, at
            assert line.endswith("recreate it"), at


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    done = ask(tmp_path / "none")
    assert done.returncode == 1
    assert done.stderr.strip() == f"koopflow: {tmp_path / 'none'}: no such folder"
