"""Bad data: whatever a user's file holds, it ends in one line that names it, or in a sound result;
nothing in it is ever executed.

Files are made by hypothesis and by changing bytes of valid ones, from fixed seeds.
"""

import contextlib
import gzip
import io
import pickle
import struct
import warnings
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save as tensors_as_bytes

from koopflow.config.series import SeriesSettings
from koopflow.config.tickets import External
from koopflow.core.errors import KoopflowError
from koopflow.data.images import load
from koopflow.data.images.vision import read_idx
from koopflow.data.series.loading import load as load_series
from koopflow.forecast.choices import check as check_series
from koopflow.tickets.external import external_flow
from koopflow.trajectory import Trajectory, TrajectoryWriter
from koopflow.trajectory.adapters.folders import convert_folder
from koopflow.trajectory.checksums import upgrade

FUZZ = settings(
    max_examples=150,
    deadline=5000,  # milliseconds for one example: a reader that hangs fails
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def flow_of(folder):
    return external_flow(External(folder=str(folder)))


def outcome(read, path) -> str:
    """Return "read" or "named": any exception but one line that names the file or its key fails the
    test."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            read()
    except KoopflowError as error:
        line = str(error)
        assert line
        assert "\n" not in line
        assert len(line) < 2000
        assert Path(path).name in line or "series.s" in line or "data:" in line or "data." in line, line
        return "named"
    return "read"


def mutants(whole: bytes, count: int, seed: int):
    """Yield `count` damaged versions of `whole`: bytes changed, cut out, doubled or written over,
    and ends lost."""
    generator = np.random.default_rng(seed)
    for number in range(count):
        damaged = bytearray(whole)
        for _ in range(1 + number % 4):
            if not damaged:
                break
            at = int(generator.integers(len(damaged)))
            length = int(generator.integers(1, 9))
            match generator.integers(5):
                case 0:
                    damaged[at] ^= 1 << int(generator.integers(8))
                case 1:
                    damaged[at : at + length] = generator.bytes(length)
                case 2:
                    del damaged[at : at + length]
                case 3:
                    damaged[at:at] = damaged[at : at + length]
                case 4:
                    damaged = damaged[: max(1, at)]
        yield bytes(damaged)


# ------------------------------------------------------------------------------------------- series


def read_series(path: Path):
    def read():
        series = load_series("s", {"path": str(path), "time": "t", "value": "v"})
        assert np.isfinite(series.values).all()
        assert len(series.values) == len(series.time) == len(series.observed)
        assert 1 <= series.period <= max(1, len(series.values))
        check_series(series, SeriesSettings())

    return read


CELLS = st.sampled_from(
    [
        "",
        "nan",
        "1e999",
        "-1e308",
        "1e-320",
        "inf",
        "x",
        "2024-01-01",
        "20240101",
        "9999-12-31",
        "0000-00-00",
        "12:00",
        '"',
    ]
)
NUMBERS = st.floats(allow_nan=True).map(repr) | st.integers(-(10**20), 10**20).map(str)
STAMPS = st.datetimes().map(str) | st.integers(0, 400).map(lambda day: str(np.datetime64("2020-01-01") + day))


@FUZZ
@given(st.lists(st.tuples(CELLS | NUMBERS | STAMPS, CELLS | NUMBERS), max_size=120), st.booleans())
def test_any_cells_of_a_csv_end_well(tmp_path, rows, sort):
    rows = sorted(rows) if sort else rows
    path = tmp_path / "s.csv"
    path.write_text("t,v\n" + "".join(f"{time},{value}\n" for time, value in rows))
    outcome(read_series(path), path)


@FUZZ
@given(
    st.lists(st.floats(-1e6, 1e6) | st.sampled_from([np.nan, 1e300, -1e300, 1e-300]), min_size=3, max_size=150),
    st.floats(1e-9, 1e9),
)
def test_any_values_on_a_regular_grid_end_well(tmp_path, values, step):
    path = tmp_path / "s.csv"
    path.write_text("t,v\n" + "".join(f"{number * step!r},{value!r}\n" for number, value in enumerate(values)))
    outcome(read_series(path), path)


@FUZZ
@given(st.binary(max_size=300))
def test_any_bytes_for_a_csv_end_well(tmp_path, content):
    path = tmp_path / "s.csv"
    path.write_bytes(content)
    outcome(read_series(path), path)


def test_a_csv_with_changed_bytes_ends_well(tmp_path):
    path = tmp_path / "s.csv"
    days = np.datetime64("2020-01-01") + np.arange(200)
    whole = ("t,v\n" + "".join(f"{day},{np.sin(number / 5):.4f}\n" for number, day in enumerate(days))).encode()
    fates = []
    for content in mutants(whole, 150, seed=1):
        path.write_bytes(content)
        fates.append(outcome(read_series(path), path))
    assert {"read", "named"} == set(fates)


# ------------------------------------------------------------------------------------------- images


def read_images(spec: dict, root: Path):
    def read():
        images = load(spec, data_root=str(root))
        assert np.isfinite(images.x_train).all()
        assert images.x_train.dtype == np.float32
        assert len(images.x_train) == len(images.y_train)
        assert images.y_train.max() < images.classes

    return read


def archive(**changed) -> dict:
    generator = np.random.default_rng(5)
    found = {"x_train": generator.random((12, 4, 4)), "y_train": np.arange(12) % 3}
    return found | {"x_test": generator.random((6, 4, 4)), "y_test": np.arange(6) % 3} | changed


DTYPES = st.sampled_from(["u1", "i1", "i8", "u8", "f2", "f4", "f8", "c8", "?", "U3", "S3", "M8[s]", "m8[s]", "f4,i4"])
SHAPES = st.lists(st.integers(0, 5), max_size=5).map(tuple) | st.sampled_from(
    [(12, 4, 4), (12, 1, 4, 4), (12,), (6, 4, 4), (6,)]
)


@FUZZ
@given(
    st.dictionaries(
        st.sampled_from(["x_train", "y_train", "x_test", "y_test"]),
        st.tuples(SHAPES, DTYPES, st.integers(0, 255)),
        min_size=1,
    )
)
def test_any_arrays_in_an_npz_end_well(tmp_path, given_arrays):
    path = tmp_path / "images.npz"
    made = {}
    for name, (shape, dtype, value) in given_arrays.items():
        try:
            made[name] = np.full(shape, value).astype(dtype)
        except (TypeError, ValueError):
            made[name] = np.zeros(shape, dtype)
    np.savez(path, **archive(**made))
    outcome(read_images({"source": "npz", "path": str(path)}, tmp_path), path)


@pytest.mark.parametrize("compress", [False, True])
def test_an_npz_with_changed_bytes_ends_well(tmp_path, compress):
    path, content = tmp_path / "images.npz", io.BytesIO()
    (np.savez_compressed if compress else np.savez)(content, **archive())
    read = read_images({"source": "npz", "path": str(path)}, tmp_path)
    fates = []
    for damaged in [content.getvalue(), *mutants(content.getvalue(), 150, seed=2)]:
        path.write_bytes(damaged)
        fates.append(outcome(read, path))
    assert fates[0] == "read"
    assert fates.count("named") > 75


def picture(kind: str) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.random.default_rng(6).integers(0, 255, (9, 11, 3), np.uint8).astype(np.uint8)).save(
        content, kind
    )
    return content.getvalue()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for part in ("train", "test"):
        for label in ("cat", "dog"):
            folder = tmp_path / "tree" / part / label
            folder.mkdir(parents=True)
            (folder / "one.png").write_bytes(picture("png"))
    return tmp_path / "tree"


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "bmp", "tiff", "webp", "ppm"])
def test_an_image_with_changed_bytes_ends_well(tree, kind):
    (tree / "train/cat/one.png").unlink()
    path = tree / f"train/cat/one.{kind}"
    read = read_images({"source": "image_folder", "path": str(tree), "size": 6}, tree)
    fates = []
    for damaged in [picture(kind), *mutants(picture(kind), 60, seed=3)]:
        path.write_bytes(damaged)
        fates.append(outcome(read, path))
    assert fates[0] == "read"
    assert "named" in fates


def test_a_picture_that_is_a_program_is_not_run(tree):
    """PIL hands PostScript to Ghostscript; here it is no picture, under whatever name."""
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(touched) (w) file closefile\n%%EOF\n"
    (tree / "train/cat/two.eps").write_bytes(program)
    assert outcome(read_images({"source": "image_folder", "path": str(tree), "size": 6}, tree), tree) == "read"
    (tree / "train/cat/three.png").write_bytes(program)
    assert (
        outcome(read_images({"source": "image_folder", "path": str(tree), "size": 6}, tree), tree / "three.png")
        == "named"
    )


def test_a_picture_too_large_to_be_one_is_named(tree):
    """A header that promises 60,000 x 60,000 pixels: a few bytes that would take 10 GB."""
    whole = bytearray(picture("png"))
    whole[16:24] = struct.pack(">II", 60_000, 60_000)
    whole[29:33] = struct.pack(">I", zlib.crc32(bytes(whole[12:29])))
    (tree / "train/cat/two.png").write_bytes(whole)
    assert (
        outcome(read_images({"source": "image_folder", "path": str(tree), "size": 6}, tree), tree / "two.png")
        == "named"
    )


def test_idx_files_with_changed_bytes_end_well(tmp_path):
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(7)
    for part, count in (("train", 20), ("t10k", 10)):
        pixels = generator.integers(0, 255, (count, 6, 6)).astype(np.uint8)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(
            b"\0\0\x08\x03" + struct.pack(">III", count, 6, 6) + pixels.tobytes()
        )
        labels = (np.arange(count) % 3).astype(np.uint8)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(
            b"\0\0\x08\x01" + struct.pack(">I", count) + labels.tobytes()
        )
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        whole = (folder / name).read_bytes()
        for damaged in [whole, *mutants(whole[:40], 40, seed=4)]:
            (folder / name).write_bytes(damaged + whole[40:] if damaged is not whole else whole)
            outcome(read_images({"source": "mnist"}, tmp_path), "MNIST")
        (folder / name).write_bytes(whole)
    packed = folder / "train-labels-idx1-ubyte.gz"
    for damaged in mutants(gzip.compress((folder / "train-labels-idx1-ubyte").read_bytes()), 60, seed=5):
        packed.write_bytes(damaged)
        outcome(lambda: read_idx(packed), packed)


# ------------------------------------------------------------------------------------- trajectories


def read_trajectory(path: Path):
    def read():
        with Trajectory(path) as opened:
            for _, _, weights in opened.blocks():
                assert np.isfinite(weights).all()

    return read


JUNK = st.sampled_from(
    ["text", 7, 2.5, b"\xff\xfe", [1, 2], np.zeros((2, 0)), np.full(3, np.nan), np.array([5, 4, 3]), "{", "null", "[1"]
)


@FUZZ
@given(
    st.sampled_from(["weights", "steps", "loss", "parameters"]),
    st.none() | JUNK,
    st.dictionaries(
        st.sampled_from(["format", "format_version", "study", "seeds", "code_version"]), st.none() | JUNK, max_size=2
    ),
)
def test_any_content_under_a_trajectorys_names_ends_well(tmp_path, name, content, attributes):
    path = tmp_path / "t.h5"
    with TrajectoryWriter(path, [("a", (3, 2))], 2, study={}, seeds=[], steps=4) as writer:
        for step in range(4):
            writer.append(step, np.full((2, 6), step, np.float32))
    with h5py.File(path, "r+") as file:
        if content is not None:
            del file[name]
            file[name] = content
        for key, value in attributes.items():
            del file.attrs[key]
            if value is not None:
                file.attrs[key] = value
    assert outcome(read_trajectory(path), path) == "named"
    with contextlib.suppress(KoopflowError):  # as if whoever made it had signed it
        upgrade(path)
        if outcome(read_trajectory(path), path) == "read":
            assert content is None or name == "loss"


def test_a_few_bytes_that_promise_a_huge_trajectory_are_named(tmp_path):
    path = tmp_path / "t.h5"
    with h5py.File(path, "w") as file:
        for name, shape in (("weights", (1, 10**9, 10**9)), ("steps", (10**13,)), ("loss", (1, 10**13))):
            file.create_dataset(name, shape, np.float32 if name == "weights" else np.int64, chunks=True)
        file.attrs.update({"format": "koopflow trajectory", "format_version": 2})
    assert outcome(read_trajectory(path), path) == "named"


ODD_TENSORS = {
    "sparse": lambda: torch.eye(3).to_sparse(),
    "complex": lambda: torch.ones(3, 3, dtype=torch.complex64),
    "quantized": lambda: torch.quantize_per_tensor(torch.ones(3, 3), 0.1, 0, torch.qint8),
    "parameter": lambda: torch.nn.Parameter(torch.ones(3, 3)),
    "half": lambda: torch.ones(3, 3, dtype=torch.bfloat16),
    "whole": lambda: torch.ones(3, 3, dtype=torch.int64),
    "nan": lambda: torch.full((3, 3), torch.nan),
    "empty": lambda: torch.ones(0, 3),
    "scalar": lambda: torch.tensor(3.0),
    "meta": lambda: torch.ones(3, 3, device="meta"),
    "nested": lambda: {"deeper": torch.ones(3)},
    "number": lambda: 3,
}


@pytest.mark.parametrize("odd", ODD_TENSORS)
@pytest.mark.parametrize("key", ["w", 3])
def test_checkpoints_with_odd_tensors_end_well(tmp_path, odd, key):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensor = ODD_TENSORS[odd]()
    for number in range(2):
        torch.save({key: tensor, "fc.weight": torch.rand(4, 3)}, tmp_path / f"step-{number}.pt")
    outcome(lambda: convert_folder(tmp_path, tmp_path / "t.h5"), tmp_path)
    fate = outcome(lambda: flow_of(tmp_path), tmp_path)
    assert fate == "named" or odd not in ("nan", "sparse", "complex")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".npy"])
def test_a_folder_of_states_with_changed_bytes_ends_well(tmp_path, suffix):
    state = {"fc.weight": np.random.default_rng(8).random((4, 3)).astype(np.float32)}
    mask = {"fc.weight_mask": state["fc.weight"] > 0.3}
    content = io.BytesIO()
    if suffix == ".pt":
        torch.save({name: torch.from_numpy(value) for name, value in (state | mask).items()}, content)
    elif suffix == ".npy":
        np.save(content, state["fc.weight"])
    whole = tensors_as_bytes(state | mask) if suffix == ".safetensors" else content.getvalue()
    (tmp_path / f"step-0{suffix}").write_bytes(whole)
    path = tmp_path / f"step-1{suffix}"
    for damaged in [whole, *mutants(whole, 100, seed=9)]:
        path.write_bytes(damaged)
        if suffix != ".safetensors":
            outcome(lambda: convert_folder(tmp_path, tmp_path / "t.h5"), tmp_path)
        if suffix != ".npy":
            outcome(lambda: flow_of(tmp_path), tmp_path)


@FUZZ
@given(SHAPES, DTYPES)
def test_any_array_as_a_state_ends_well(tmp_path, shape, dtype):
    for number in range(2):
        np.save(tmp_path / f"{number}.npy", np.zeros(shape, dtype))
    if outcome(lambda: convert_folder(tmp_path, tmp_path / "t.h5"), tmp_path) == "read":
        assert np.dtype(dtype).kind in "fiu"


# ------------------------------------------------------------------------------------------ pickles


class Trap:
    """An object whose unpickling leaves a mark."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def pickled(mark: Path) -> bytes:
    return pickle.dumps(Trap(mark))


def zipped_by_torch(mark: Path) -> bytes:
    content = io.BytesIO()
    torch.save({"w": Trap(mark)}, content)
    return content.getvalue()


def zipped_by_numpy(mark: Path) -> bytes:
    content = io.BytesIO()
    np.savez(content, **archive(x_train=np.array([Trap(mark)], object)), koopflow=np.array([Trap(mark)], object))
    return content.getvalue()


def array_of_objects(mark: Path) -> bytes:
    content = io.BytesIO()
    np.save(content, np.array([Trap(mark)], object))
    return content.getvalue()


def test_the_trap_works(tmp_path):
    for number, (make, opened) in enumerate(
        {
            pickled: lambda path: pickle.loads(path.read_bytes()),
            zipped_by_torch: lambda path: torch.load(path, weights_only=False),
            zipped_by_numpy: lambda path: np.load(path, allow_pickle=True)["x_train"],
            array_of_objects: lambda path: np.load(path, allow_pickle=True),
        }.items()
    ):
        mark = tmp_path / f"mark-{number}"
        (tmp_path / "trap").write_bytes(make(mark))
        opened(tmp_path / "trap")
        assert mark.exists()


def places(folder: Path) -> dict:
    """Return every place where a user's file can come in: the file's name, and what reads it."""
    from koopflow.cli import verify
    from koopflow.io import npz
    from koopflow.io.tables import read_csv, read_parquet
    from koopflow.pruning.mask import Mask
    from koopflow.tickets.chain import load_chain
    from koopflow.training import checkpoint

    raw = "MNIST/raw/train-images-idx3-ubyte"
    return {
        "s.csv": read_series(folder / "s.csv"),
        "images.npz": read_images({"source": "npz", "path": str(folder / "images.npz")}, folder),
        "tree/train/cat/one.png": read_images({"source": "image_folder", "path": str(folder / "tree")}, folder),
        raw: lambda: read_idx(folder / raw),
        "cifar-10-batches-py/data_batch_1": read_images({"source": "cifar10"}, folder),
        "t.h5": read_trajectory(folder / "t.h5"),
        **{
            f"{kind}/step-1.{kind}": (lambda kind=kind: convert_folder(folder / kind, folder / "out.h5"))
            for kind in ("pt", "npy", "ckpt", "bin", "pth")
        },
        **{
            f"rounds-{kind}/0.{kind}": (lambda kind=kind: flow_of(folder / f"rounds-{kind}"))
            for kind in ("pt", "safetensors", "bin")
        },
        "checkpoint.pt": lambda: checkpoint.read(folder / "checkpoint.pt"),
        "chain.npz": lambda: load_chain(folder / "chain.npz"),
        "arrays.npz": lambda: npz.load(folder / "arrays.npz", "chain", 1),
        "mask.npz": lambda: Mask.load(folder / "mask.npz"),
        "p.parquet": lambda: read_parquet(folder / "p.parquet"),
        "table.csv": lambda: read_csv(folder / "table.csv", ["a"]),
        "config.yaml": lambda: yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8")),
        "results/a.pt": lambda: list(verify.examine(folder / "results")),
        "results/a.npz": lambda: list(verify.examine(folder / "results")),
    }


@pytest.mark.parametrize("make", [pickled, zipped_by_torch, zipped_by_numpy, array_of_objects])
def test_a_malicious_pickle_stays_inert_wherever_a_file_can_come_in(tmp_path, make):
    found = places(tmp_path)
    assert len(found) >= 20
    for name, read in found.items():
        mark, path = tmp_path / "mark", tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree/test/cat").mkdir(parents=True, exist_ok=True)
        for again in (path, path.with_name(path.name.replace("1", "2")), path.with_name(path.name.replace("0", "1"))):
            again.write_bytes(make(mark))
        kinds = (KoopflowError, yaml.YAMLError, UnicodeDecodeError) if name == "config.yaml" else KoopflowError
        with contextlib.suppress(kinds):
            read()
        assert not mark.exists(), f"{name} was executed"


def test_a_malicious_config_stays_inert(tmp_path):
    from snakemake.common.configfile import load_configfile

    (tmp_path / "config.yaml").write_text(
        f"seed: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{tmp_path}/mark']]\n"
    )
    with pytest.raises(Exception, match=r"(?i)python/object|config"):
        load_configfile(str(tmp_path / "config.yaml"))
    assert not (tmp_path / "mark").exists()
