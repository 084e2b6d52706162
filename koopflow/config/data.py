"""The block ``data``: image sets and synthetic tasks, by name."""

from typing import Annotated, Any, Literal

from pydantic import Field

from koopflow.config.base import Settings
from koopflow.config.common import (
    Count,
    Fraction,
    Natural,
    Needs,
    NonNegative,
    Number,
    Omittable,
    PathText,
    Prime,
    Registered,
)


class PermutedShare(Settings):
    """A permutation of a share of the pixels."""

    number: Natural = Field(description="Number of the permutation; the pixels of a smaller share are among its first.")
    share: Fraction = Field(description="Share of the pixels that are permuted among themselves.")


class Transform(Settings):
    """Transforms of a set's images, applied in the order of their keys, which `dump` keeps."""

    permute_pixels: Omittable[Natural] = Field(
        default=None, description="Seed of one permutation, applied to the pixels of every image."
    )
    rotate: Omittable[Number] = Field(default=None, description="Angle of rotation of every image, in degrees.")
    noise: Omittable[NonNegative] = Field(
        default=None, description="Standard deviation of Gaussian noise added to pixels, which lie between 0 and 1."
    )
    permute_some: Omittable[PermutedShare] = Field(default=None, description="Permutation of a share of the pixels.")
    flip: Omittable[Literal["horizontal", "vertical"]] = Field(default=None, description="Mirrors every image.")
    invert: Omittable[Literal[True]] = Field(default=None, description="Turns dark into light, if true.")
    relabel: Omittable[Natural] = Field(
        default=None, description="Seed of one permutation, applied to the labels of the classes."
    )
    resize: Omittable[Count] = Field(default=None, description="Side, in pixels, to which images are scaled.")
    grey: Omittable[Literal[True]] = Field(default=None, description="Averages the channels, if true.")


class DataSet(Settings):
    """A set of images: its source, the options of the source, and transforms."""

    source: Annotated[str, Registered("image source")] = Field(description="Where the images come from.")
    path: Omittable[PathText] = Field(default=None, description="File (npz) or folder (image_folder) of the images.")
    like: Omittable[str] = Field(
        default=None,
        description="Name of the set or source whose sizes a synthetic set copies (gaussian_clusters, teacher).",
    )
    train_size: Omittable[Count] = Field(
        default=None, description="Training images kept, drawn evenly over the classes; all by default."
    )
    test_size: Omittable[Count] = Field(
        default=None, description="Test images kept, drawn evenly over the classes; all by default."
    )
    size: Omittable[Count] = Field(
        default=None, description="Side, in pixels, to which images are scaled (image_folder)."
    )
    channels: Omittable[Annotated[Literal[1, 3], Needs("integer")]] = Field(
        default=None, description="Channels of the images of a folder: 1 (grey) or 3 (colour)."
    )
    cache: Omittable[PathText] = Field(
        default=None, description="Folder in which decoded images are cached (image_folder)."
    )
    number: Omittable[Natural] = Field(
        default=None, description="Another number draws other clusters (gaussian_clusters); 0 by default."
    )
    width: Omittable[Count] = Field(default=None, description="Width of the network that labels the images (teacher).")
    prime: Omittable[Prime] = Field(default=None, description="The modulus, a prime (modular_addition).")
    share: Omittable[Fraction] = Field(default=None, description="Share of all pairs for training (modular_addition).")
    arguments: dict[str, Any] = Field(
        default_factory=dict, description="Options of package.module:function, by the names of its parameters."
    )
    transform: Transform = Field(
        default=Transform(), description="Transforms of the images, in the order of their keys."
    )


class DataSelection(Settings):
    """A data set and the sets that it refers to: all that a job needs to load its images."""

    spec: DataSet = Field(description="The data set.")
    named: dict[str, DataSet] = Field(default_factory=dict, description="Sets that it refers to by `like`.")
    root: PathText = Field(default="data", description="Folder of downloaded sets.")
