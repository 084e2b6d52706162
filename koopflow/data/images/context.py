"""The context of an image source."""

from collections.abc import Callable
from dataclasses import dataclass

from koopflow.data.images.sets import RawImages


@dataclass(frozen=True)
class Context:
    """Data that an image source may use besides its own options.

    Attributes
    ----------
    data_root : str
        Folder of downloaded sets.
    seed : int
        The run's seed.
    load : function of str
        Returns the raw images of another set, by its name in the config or by its source.
    """

    data_root: str
    seed: int
    load: Callable[[str], RawImages]
