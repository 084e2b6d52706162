"""A user's own images: an .npz of arrays, or a tree of image files with one folder per class. No
code in them is executed."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from koopflow.core.errors import KoopflowError
from koopflow.data.images.context import Context
from koopflow.data.images.sets import RawImages
from koopflow.io import npz as archives

KEYS = ("x_train", "y_train", "x_test", "y_test")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""Accepted image formats. PIL opens others too, such as PostScript, which it would run as a
program."""


def npz(context: Context, path: str) -> RawImages:
    """Return the images of an .npz with x_train, y_train, x_test and y_test.

    Images are (image, height, width) or (image, channel, height, width), uint8 (0 to 255) or
    floating-point numbers; labels are integers from 0. Pickled objects are refused.
    """
    if not Path(path).is_file():
        raise KoopflowError(f"data.path: {path} does not exist; it must be an .npz with {', '.join(KEYS)}")
    archives.refuse_inflation(path)
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            absent = [key for key in KEYS if key not in file.files]
            if absent:
                raise KoopflowError(
                    f"{path}: the array {absent[0]} is missing; the file must hold {', '.join(KEYS)} (got "
                    f"{', '.join(file.files) or 'none'})"
                )
            arrays = {key: file[key] for key in KEYS}
    except KoopflowError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise many kinds for a damaged file
        raise KoopflowError(f"{path}: not a readable .npz ({type(error).__name__}: {error})") from error
    for key in ("x_train", "x_test"):
        if arrays[key].ndim == 3:
            arrays[key] = arrays[key][:, None]
    for key in ("y_train", "y_test"):
        if np.issubdtype(arrays[key].dtype, np.integer):
            arrays[key] = arrays[key].astype(np.int64)
    return RawImages(arrays["x_train"], arrays["y_train"], arrays["x_test"], arrays["y_test"], str(path))


def image_folder(context: Context, path: str, size: int = 32, channels: int = 3, cache: str | None = None) -> RawImages:
    """Return the images of ``path/train/<class>/*`` and ``path/test/<class>/*`` (or ``val``) as
    size × size pixels.

    The shorter side is scaled to `size`, and the centre is cut out. `channels` is 3 (colour) or 1
    (grey). With a folder `cache`, the pixels are kept there under a name made from the files'
    names, sizes and times, so that only the first of many jobs decodes a large tree.
    """
    if channels not in (1, 3):
        raise KoopflowError(f"data.channels must be 1 (grey) or 3 (colour) (got {channels})")
    (train, trained), (test, tested) = tree(path)
    pixels = [
        _decoded(files, size, channels) if cache is None else _cached(Path(cache), folder, files, size, channels)
        for folder, files in ((train, [file for file, _ in trained]), (test, [file for file, _ in tested]))
    ]
    labels = [np.array([label for _, label in files], dtype=np.int64) for files in (trained, tested)]
    return RawImages(pixels[0], labels[0], pixels[1], labels[1], str(path))


def tree(path: str) -> list[tuple[Path, list[tuple[Path, int]]]]:
    """Return the folders of training and test images, and in each the image files with their
    labels; open no file."""
    train, test = _folder(Path(path), ("train",)), _folder(Path(path), ("test", "val"))
    classes = sorted(folder.name for folder in train.iterdir() if folder.is_dir())
    return [(folder, _labelled(folder, classes)) for folder in (train, test)]


def _folder(root: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (root / name).is_dir():
            return root / name
    raise KoopflowError(
        f"data.path: {root} has no folder {' or '.join(names)}; it must have train/<class>/ and test/<class>/ (or val/)"
    )


def _labelled(folder: Path, classes: list[str]) -> list[tuple[Path, int]]:
    """Return the image files below `folder` with their labels."""
    from PIL import Image

    known = {extension for extension, kind in Image.registered_extensions().items() if kind in FORMATS}
    files = [
        (file, label)
        for label, name in enumerate(classes)
        for file in sorted((folder / name).glob("**/*"))
        if file.suffix.lower() in known
    ]
    if not files:
        raise KoopflowError(
            f"data.path: {folder} holds no image file in a folder per class (classes: {', '.join(classes) or 'none'})"
        )
    unknown = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name not in classes)
    if unknown:
        raise KoopflowError(f"data.path: {folder / unknown[0]} is a class without training images")
    return files


def _decoded(files: list[Path], size: int, channels: int) -> NDArray[np.uint8]:
    """Return the pixels of image files, uint8 (image, channel, size, size)."""
    from PIL import Image, ImageOps

    pixels = np.empty((len(files), channels, size, size), dtype=np.uint8)
    for index, file in enumerate(files):
        try:
            with Image.open(file, formats=FORMATS) as image:
                cut = ImageOps.fit(
                    image.convert("L" if channels == 1 else "RGB"), (size, size), Image.Resampling.BILINEAR
                )
        except Exception as error:  # PIL raises many kinds for a damaged or far too large image
            raise KoopflowError(f"data: {file} is not a readable image of {', '.join(FORMATS)} ({error})") from error
        pixels[index] = np.asarray(cut).reshape(size, size, channels).transpose(2, 0, 1)
    return pixels


def _cached(cache: Path, folder: Path, files: list[Path], size: int, channels: int) -> NDArray[np.uint8]:
    """Return the pixels from the cache if the same files were decoded before; otherwise decode and
    cache them."""
    digest = hashlib.sha256(f"{size} {channels}".encode())
    for file in files:
        found = file.stat()
        digest.update(f"{file.relative_to(folder)} {found.st_size} {found.st_mtime_ns}\n".encode())
    kept = cache / f"{digest.hexdigest()[:32]}.npz"
    if not kept.is_file():
        pixels = _decoded(files, size, channels)
        archives.save(kept, "pixels of an image folder", 1, {"pixels": pixels})
        return pixels
    return archives.load(kept, "pixels of an image folder", 1, ["pixels"])["pixels"]
