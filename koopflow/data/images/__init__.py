"""Image classification data for training: one registry, one function per source, everything in memory.

``load({"source": "digits"})`` returns an `Images`. A new source is one function decorated with ``@source("name")`` in
a module imported
here; a new transform of an existing set is one function decorated with ``@transform("name")``. Nothing here imports
torch before a
source needs torchvision.
"""

from koopflow.data.images import digits, files, synthetic, transforms, vision
from koopflow.data.images.registry import SOURCES, TRANSFORMS, load, source, transform
from koopflow.data.images.sets import Images, RawImages

__all__ = [
    "SOURCES",
    "TRANSFORMS",
    "Images",
    "RawImages",
    "digits",
    "files",
    "load",
    "source",
    "synthetic",
    "transform",
    "transforms",
    "vision",
]
