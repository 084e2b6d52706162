"""A user's own images: an .npz of arrays, or a tree of image files with one folder per class. No code in them is ever
executed."""

import hashlib
from pathlib import Path

import numpy as np

from koopflow.core.errors import KoopflowError
from koopflow.data.images.registry import source
from koopflow.data.images.sets import RawImages
from koopflow.io import npz as archives

KEYS = ("x_train", "y_train", "x_test", "y_test")
# Pictures made of pixels. PIL opens more: PostScript, which is a program and would be run.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")


@source("npz")
def npz(context, path: str) -> RawImages:
    """Return the images of an .npz with x_train, y_train, x_test and y_test.

    Images are (image, height, width) or (image, channel, height, width), uint8 (0 to 255) or floating-point numbers;
    labels are integers
    from 0. Pickled objects are refused.
    """
    if not Path(path).is_file():
        raise KoopflowError(f"data: the file {path} does not exist; an .npz with {', '.join(KEYS)} is expected there")
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            absent = [key for key in KEYS if key not in file.files]
            if absent:
                raise KoopflowError(
                    f"{path}: has no array {absent[0]} (it has {', '.join(file.files) or 'none'}); needed are {', '.join(KEYS)}"
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
    return RawImages(*(arrays[key] for key in KEYS), name=str(path))


@source("image_folder")
def image_folder(context, path: str, size: int = 32, channels: int = 3, cache: str | None = None) -> RawImages:
    """Return the images of ``path/train/<class>/*`` and ``path/test/<class>/*`` (or ``val``), scaled and cropped to
    size × size pixels.

    The shorter side is scaled to `size` and the centre cut out. `channels` is 3 (colour) or 1 (grey). Images stay
    bytes until normalized. Where a folder `cache` is given, the pixels are kept there under a name made from the files' names, sizes and
    times, so that of many jobs only the first decodes a large tree.
    """
    if channels not in (1, 3):
        raise KoopflowError(f"data: image_folder: channels: {channels} is not accepted; 1 (grey) or 3 (colour)")
    (train, trained), (test, tested) = tree(path)
    pixels = [
        _decoded(files, size, channels) if cache is None else _cached(Path(cache), folder, files, size, channels)
        for folder, files in ((train, [file for file, _ in trained]), (test, [file for file, _ in tested]))
    ]
    labels = [np.array([label for _, label in files], dtype=np.int64) for files in (trained, tested)]
    return RawImages(pixels[0], labels[0], pixels[1], labels[1], str(path))


def tree(path: str) -> list[tuple[Path, list[tuple[Path, int]]]]:
    """Return the folders of training and test images, and in each the image files with their labels; no file is opened."""
    train, test = _folder(Path(path), ("train",)), _folder(Path(path), ("test", "val"))
    classes = sorted(folder.name for folder in train.iterdir() if folder.is_dir())
    return [(folder, _labelled(folder, classes)) for folder in (train, test)]


def _folder(root: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (root / name).is_dir():
            return root / name
    raise KoopflowError(
        f"data: {root} has no folder {' or '.join(names)}; an image_folder has train/<class>/ and test/<class>/ (or val/)"
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
            f"data: {folder} holds no image file in a folder per class (found classes: {', '.join(classes) or 'none'})"
        )
    unknown = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name not in classes)
    if unknown:
        raise KoopflowError(f"data: {folder / unknown[0]} is a class that the training images do not have")
    return files


def _decoded(files: list[Path], size: int, channels: int) -> np.ndarray:
    """Return the pixels of image files, uint8 (image, channel, size, size)."""
    from PIL import Image, ImageOps

    pixels = np.empty((len(files), channels, size, size), dtype=np.uint8)
    for index, file in enumerate(files):
        try:
            with Image.open(file, formats=FORMATS) as image:
                cut = ImageOps.fit(image.convert("L" if channels == 1 else "RGB"), (size, size), Image.Resampling.BILINEAR)
        except Exception as error:  # PIL raises many kinds for a damaged image, and one for a picture too large to be one
            raise KoopflowError(f"data: {file} is not a readable image of {', '.join(FORMATS)} ({error})") from error
        pixels[index] = np.asarray(cut).reshape(size, size, channels).transpose(2, 0, 1)
    return pixels


def _cached(cache: Path, folder: Path, files: list[Path], size: int, channels: int) -> np.ndarray:
    """Return the pixels from the cache, where the very same files were decoded before; else decode them and keep the pixels."""
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
