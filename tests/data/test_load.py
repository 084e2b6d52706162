"""Images: real sets whole and normalized, relatives and synthetic sets matched, bad files refused
in one line."""

import gzip
import pickle
import zipfile

import numpy as np
import pytest
from PIL import Image

from koopflow.core.errors import KoopflowError
from koopflow.data.images import load
from koopflow.data.images.outline import look
from koopflow.data.images.sets import RawImages
from koopflow.data.images.transforms import permute_some


def test_digits_are_whole_normalized_and_the_same_under_every_seed():
    images = load("digits", seed=1)
    assert len(images.x_train) + len(images.x_test) == 1797
    assert images.shape == (1, 8, 8)
    assert abs(images.x_train.mean()) < 1e-5
    assert images.x_train.std() == pytest.approx(1, abs=1e-5)
    assert np.array_equal(images.x_test, load("digits", seed=2).x_test)


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    images, theirs = load("digits"), load_digits()
    pixels = np.concatenate([images.x_train, images.x_test])[:, 0] * images.std[0] + images.mean[0]
    labels = np.concatenate([images.y_train, images.y_test])
    ours = np.column_stack([labels, np.rint(pixels.reshape(-1, 64) * 16).astype(int)])
    expected = np.column_stack([theirs.target, theirs.data.astype(int)])
    assert sorted(map(tuple, ours.tolist())) == sorted(map(tuple, expected.tolist()))


def test_mnist_has_the_customary_moments(shared_data):
    images = load("mnist", data_root=str(shared_data))
    assert images.x_train.shape == (60000, 1, 28, 28)
    assert images.mean[0] == pytest.approx(0.1307, abs=5e-5)
    assert images.std[0] == pytest.approx(0.3081, abs=5e-5)
    assert list(images.y_train[:5]) == [5, 0, 4, 1, 9]


def test_fashion_mnist_has_the_customary_moments(shared_data):
    images = load("fashion_mnist", data_root=str(shared_data))
    assert (images.x_train.shape, images.x_test.shape) == ((60000, 1, 28, 28), (10000, 1, 28, 28))
    assert images.mean[0] == pytest.approx(0.2860, abs=5e-5)
    assert images.std[0] == pytest.approx(0.3530, abs=5e-5)


@pytest.mark.parametrize("packed", [True, False])
def test_kmnist_is_read_where_it_lies_packed_or_not(tmp_path, packed):
    generator, folder = np.random.default_rng(0), tmp_path / "KMNIST" / "raw"
    folder.mkdir(parents=True)
    pixels = {part: generator.integers(0, 256, (20, 28, 28), dtype=np.uint8) for part in ("train", "t10k")}
    for part, images in pixels.items():
        labels = np.arange(20, dtype=np.uint8) % 10
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            content = b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()
            (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(content) if packed else content)
    loaded = load("kmnist", data_root=str(tmp_path))
    assert np.array_equal(np.rint((loaded.x_test[:, 0] * loaded.std[0] + loaded.mean[0]) * 255), pixels["t10k"])
    assert list(loaded.y_train[:11]) == [*range(10), 0]
    (folder / ("train-images-idx3-ubyte" + ".gz" * packed)).write_bytes(b"<html>")
    with pytest.raises(KoopflowError, match=r"train-images-idx3-ubyte.*not a readable IDX file"):
        load("kmnist", data_root=str(tmp_path))


def test_cifar10_is_read_where_it_lies(tmp_path, monkeypatch):
    import torchvision.datasets

    folder, generator = tmp_path / "cifar-10-batches-py", np.random.default_rng(0)
    folder.mkdir()
    rows = generator.integers(0, 256, (10, 3072), dtype=np.uint8)  # red, green and blue planes of 32 x 32, row by row
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        (folder / name).write_bytes(pickle.dumps({"data": rows, "labels": list(range(10))}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [str(label) for label in range(10)]}))
    with pytest.raises(KoopflowError, match=r"CIFAR10.*incomplete or damaged"):
        load("cifar10", data_root=str(tmp_path))
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "_check_integrity", lambda _: True)  # checksums of the real files
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", lambda *_: True)
    images = load("cifar10", data_root=str(tmp_path))
    assert (images.x_train.shape, images.classes) == ((50, 3, 32, 32), 10)
    back = images.x_test * np.array(images.std)[:, None, None] + np.array(images.mean)[:, None, None]
    assert np.array_equal(np.rint(back * 255), rows.reshape(10, 3, 32, 32))


def test_cifar100_has_its_fine_labels_and_svhn_its_digits(tmp_path, monkeypatch):
    import torchvision.datasets
    from scipy.io import savemat

    generator, folder = np.random.default_rng(0), tmp_path / "cifar-100-python"
    folder.mkdir()
    rows = generator.integers(0, 256, (100, 3072), dtype=np.uint8)
    for name in ("train", "test"):
        (folder / name).write_bytes(pickle.dumps({"data": rows, "fine_labels": list(range(100))}))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": [str(label) for label in range(100)]}))
    digits = np.tile(np.arange(1, 11), 2)[:, None]  # as the files have them: 10 stands for 0
    photographs = generator.integers(0, 256, (32, 32, 3, 20), dtype=np.uint8)
    for part in ("train", "test"):
        savemat(tmp_path / f"{part}_32x32.mat", {"X": photographs, "y": digits})
    for kind in ("CIFAR100", "SVHN"):
        monkeypatch.setattr(getattr(torchvision.datasets, kind), "_check_integrity", lambda _: True)
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", lambda *_: True)
    hundred, houses = (load(name, data_root=str(tmp_path)) for name in ("cifar100", "svhn"))
    assert (hundred.x_train.shape, hundred.classes) == ((100, 3, 32, 32), 100)
    assert (houses.x_train.shape, houses.classes) == ((20, 3, 32, 32), 10)
    assert houses.y_train[:10].tolist() == [*range(1, 10), 0]
    back = houses.x_test * np.array(houses.std)[:, None, None] + np.array(houses.mean)[:, None, None]
    assert np.array_equal(np.rint(back * 255), photographs.transpose(3, 2, 0, 1))
    (tmp_path / "test_32x32.mat").write_bytes(b"broken")
    with pytest.raises(KoopflowError, match=r"SVHN: \S+ is incomplete or damaged .*; remove its .mat files"):
        load("svhn", data_root=str(tmp_path))


@pytest.mark.parametrize("source", ["gaussian_clusters", "teacher"])
def test_synthetic_sets_match_the_real_one(source):
    real, made = load("digits"), load({"source": source, "like": "digits"}, seed=3)
    assert made.x_train.shape == real.x_train.shape
    assert made.mean[0] == pytest.approx(real.mean[0], rel=0.02)
    assert made.std[0] == pytest.approx(real.std[0], rel=0.02)
    shares = np.bincount(made.y_train, minlength=10) / len(made.y_train)
    assert np.abs(shares - np.bincount(real.y_train) / len(real.y_train)).max() < 0.01
    assert not np.array_equal(made.x_train, load({"source": source, "like": "digits"}, seed=4).x_train)


def test_permuted_pixels_are_the_same_pixels_elsewhere():
    real, permuted = load("digits"), load({"source": "digits", "transform": {"permute_pixels": 1}})
    assert not np.array_equal(real.x_train, permuted.x_train)
    sort = [np.sort(images.x_train.reshape(-1, 64), axis=1) for images in (real, permuted)]
    np.testing.assert_allclose(*sort, atol=1e-6)
    # one permutation for all: the pixels' own means are rearranged, and the test images with them
    means = [np.sort(images.x_test.reshape(-1, 64).mean(axis=0)) for images in (real, permuted)]
    np.testing.assert_allclose(*means, atol=1e-5)


def test_a_quarter_turn_is_exact():
    real, turned = load("digits"), load({"source": "digits", "transform": {"rotate": 90}})
    np.testing.assert_allclose(turned.x_train, np.rot90(real.x_train, axes=(2, 3)), atol=1e-5)


def test_a_subset_keeps_the_shares_of_the_classes():
    small = load({"source": "digits", "train_size": 100, "test_size": 50})
    assert (len(small.x_train), len(small.x_test)) == (100, 50)
    assert set(np.bincount(small.y_train)) <= {9, 10, 11}


def _arrays(**changes):
    generator = np.random.default_rng(0)
    arrays = {
        "x_train": generator.integers(0, 256, (20, 6, 6), dtype=np.uint8),
        "y_train": np.arange(20) % 2,
        "x_test": generator.integers(0, 256, (10, 6, 6), dtype=np.uint8),
        "y_test": np.arange(10) % 2,
    }
    return {key: value for key, value in {**arrays, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"x_test": None}, "x_test"),
        ({"x_train": np.full((20, 6, 6), np.nan, np.float32)}, "x_train"),
        ({"x_train": np.zeros((20, 36), np.uint8)}, r"x_train.*\(20, 36\)"),
        ({"x_train": np.zeros((20, 6, 6), np.int32)}, "int32"),
        ({"x_test": np.zeros((10, 5, 6), np.uint8)}, "1×5×6"),
        ({"y_train": np.zeros(20)}, "float64"),
        ({"y_train": np.arange(19)}, "19"),
        ({"y_test": np.full(10, 7)}, "y_test has class 7"),
        ({"x_train": np.array([object()] * 20)}, "not a readable"),
    ],
)
def test_a_bad_npz_is_named_in_one_line(tmp_path, changes, named):
    np.savez(tmp_path / "bad.npz", **_arrays(**changes))
    with pytest.raises(KoopflowError, match=named) as caught:
        load({"source": "npz", "path": str(tmp_path / "bad.npz")})
    assert "bad.npz" in str(caught.value)


def test_a_cached_image_folder_is_decoded_once_and_again_when_a_file_changes(tmp_path, monkeypatch):
    generator, tree = np.random.default_rng(0), tmp_path / "tree"
    for part in ("train", "test"):
        for label in "ab":
            (tree / part / label).mkdir(parents=True)
            for number in range(3):
                Image.fromarray(generator.integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(
                    tree / part / label / f"{number}.png"
                )
    spec = {"source": "image_folder", "path": str(tree), "size": 8}
    plain, cached = load(spec), spec | {"cache": str(tmp_path / "cache")}
    opened, plainly = [], Image.open
    monkeypatch.setattr(Image, "open", lambda file, **options: opened.append(file) or plainly(file, **options))
    for count in (12, 12):
        again = load(cached)
        assert np.array_equal(again.x_train, plain.x_train)
        assert np.array_equal(again.x_test, plain.x_test)
        assert len(opened) == count
    Image.fromarray(np.zeros((9, 9, 3), dtype=np.uint8)).save(tree / "test" / "a" / "0.png")
    changed = load(cached)
    assert len(opened) == 18
    assert not np.array_equal(changed.x_test, plain.x_test)


def test_a_look_at_an_image_folder_opens_no_file(tmp_path):
    for part, count in (("train", 3), ("val", 2)):
        for label in "abc":
            (tmp_path / part / label).mkdir(parents=True)
            for number in range(count):
                (tmp_path / part / label / f"{number}.png").write_bytes(b"no picture")
    found = look({"source": "image_folder", "path": str(tmp_path), "size": 64})
    assert (len(found.x_train), len(found.x_test), found.shape, found.classes) == (9, 6, (3, 64, 64), 3)
    assert look({"source": "digits"}).shape == (1, 8, 8)
    with pytest.raises(KoopflowError, match="has no folder train"):
        look({"source": "image_folder", "path": str(tmp_path / "nowhere")})


def test_an_npz_and_an_image_folder_are_read(tmp_path):
    np.savez(tmp_path / "good.npz", **_arrays())
    assert load({"source": "npz", "path": str(tmp_path / "good.npz")}).shape == (1, 6, 6)
    for part in ("train", "val"):
        for label, name in enumerate(("cat", "dog")):
            (tmp_path / part / name).mkdir(parents=True)
            for index in range(3):
                pixels = np.full((10, 12, 3), 40 + 60 * label + index, np.uint8)
                Image.fromarray(pixels).save(tmp_path / part / name / f"{index}.png")
    images = load({"source": "image_folder", "path": str(tmp_path), "size": 8})
    assert images.x_train.shape == (6, 3, 8, 8)
    assert list(images.y_test) == [0, 0, 0, 1, 1, 1]


def test_an_image_folder_without_images_is_refused(tmp_path):
    for part in ("train", "test"):
        (tmp_path / part / "cat").mkdir(parents=True)
    with pytest.raises(KoopflowError, match="holds no image file"):
        load({"source": "image_folder", "path": str(tmp_path)})


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ("digit", "did you mean digits"),
        ({"source": "digits", "trian_size": 5}, "trian_size"),
        ({"source": "npz"}, "path: required option is missing"),
        ({"source": "npz", "path": "nowhere.npz"}, "nowhere.npz"),
        ({"source": "teacher", "like": "digit"}, "no data set named 'digit'"),
        ({"source": "digits", "transform": {"rotat": 1}}, "did you mean rotate"),
        ({"source": "digits", "transform": {"noise": -1}}, "noise"),
        ({"source": "digits", "train_size": 5000}, "5000"),
    ],
)
def test_a_bad_description_is_named_in_one_line(spec, named):
    with pytest.raises(KoopflowError, match=named):
        load(spec)


def test_an_absent_set_says_what_to_put_where(tmp_path, monkeypatch):
    import torchvision.datasets

    def offline(*_, **__):
        raise RuntimeError("no network")

    monkeypatch.setattr(torchvision.datasets, "KMNIST", offline)
    with pytest.raises(KoopflowError, match=r"KMNIST.*no network.*train-images-idx3-ubyte.gz.*raw"):
        load("kmnist", data_root=str(tmp_path / "data"))
    assert not list((tmp_path / "data").iterdir())


@pytest.mark.parametrize("arrays", [1, 3])
def test_an_archive_that_inflates_without_end_is_refused_by_its_size(tmp_path, arrays):
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(arrays):
            with archive.open(f"x_{number}.npy", "w") as entry:
                for _ in range(300 // arrays):
                    entry.write(bytes(1 << 20))
    with pytest.raises(KoopflowError, match=r"bomb\.npz: its [\d,]+ bytes inflate to 3[\d,]+; at most 100 times"):
        load({"source": "npz", "path": str(tmp_path / "bomb.npz")})


def test_an_archive_of_ordinary_images_is_read_however_well_it_is_packed(tmp_path):
    np.savez_compressed(tmp_path / "good.npz", **_arrays())
    assert load({"source": "npz", "path": str(tmp_path / "good.npz")}).shape == (1, 6, 6)


def test_graded_permutations_move_their_share_of_the_pixels_and_nest():
    pixels = np.arange(128, dtype=np.float32).reshape(2, 1, 8, 8)
    real, moved = RawImages(pixels, np.arange(2), pixels, np.arange(2), "all different"), []
    for share in (0.25, 0.5, 0.75):
        images = permute_some(real, {"number": 1, "share": share}, 0)
        np.testing.assert_array_equal(np.sort(images.x_train.reshape(2, 64), axis=1), pixels.reshape(2, 64))
        np.testing.assert_array_equal(images.x_train, images.x_test)
        moved.append((real.x_train != images.x_train)[0].ravel())
        assert moved[-1].sum() == share * 64
    assert not (moved[0] & ~moved[2]).any()


def test_inverted_images_are_the_same_images_with_the_other_sign():
    real, inverted = load("digits"), load({"source": "digits", "transform": {"invert": True}})
    np.testing.assert_allclose(inverted.x_train, -real.x_train, atol=1e-5)


def test_flipped_relabelled_grey_and_resized_images_are_what_they_say():
    real = load("digits")
    flipped = load({"source": "digits", "transform": {"flip": "horizontal"}})
    np.testing.assert_allclose(flipped.x_train, real.x_train[..., ::-1], atol=1e-5)
    relabelled = load({"source": "digits", "transform": {"relabel": 1}})
    np.testing.assert_array_equal(relabelled.x_train, real.x_train)
    assert len({*zip(real.y_train.tolist(), relabelled.y_train.tolist())}) == 10
    assert not np.array_equal(real.y_train, relabelled.y_train)
    small = load({"source": "digits", "transform": {"resize": 4}})
    means = real.x_train.reshape(-1, 1, 4, 2, 4, 2).mean(axis=(3, 5))
    np.testing.assert_allclose(small.x_train, (means - means.mean()) / means.std(), atol=1e-4)
    larger = load({"source": "digits", "transform": {"resize": 12, "grey": True}})
    assert larger.shape == (1, 12, 12)


def test_another_number_draws_other_clusters():
    first, again, other = (load({"source": "gaussian_clusters", **more}) for more in ({}, {"number": 0}, {"number": 1}))
    np.testing.assert_array_equal(first.x_train, again.x_train)
    assert not np.allclose(first.x_train, other.x_train)
    np.testing.assert_allclose(first.x_train.mean(), other.x_train.mean(), atol=0.01)
