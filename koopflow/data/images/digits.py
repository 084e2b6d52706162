"""The default set: 1,797 handwritten digits of 8 × 8 pixels, shipped with scikit-learn.

Source: Alpaydin and Kaynak (1998), Optical recognition of handwritten digits, UCI data set 80.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from koopflow.core import seeds
from koopflow.core.errors import KoopflowError
from koopflow.data.images.context import Context
from koopflow.data.images.sets import RawImages

TEST_SHARE = 0.2
FILE = Path("datasets", "data", "digits.csv.gz")
"""In scikit-learn's folder: 64 grey levels from 0 to 16 and a label per line."""


def digits(context: Context) -> RawImages:
    """Return the digits; a fixed fifth of each class, whatever the run's seed, is the test part."""
    table = _table()
    # 16 grey levels above zero: pixels lie in [0, 1]
    images = (table[:, :-1].reshape(-1, 1, 8, 8) / 16).astype(np.float32)
    labels = table[:, -1].astype(np.int64)
    order = seeds.rng(0, "data", "digits", "split").permutation(len(labels))
    test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        test[members[: round(TEST_SHARE * len(members))]] = True
    return RawImages(images[~test], labels[~test], images[test], labels[test], "digits")


def _table() -> NDArray[np.int64]:
    """Return scikit-learn's table without importing scikit-learn, which takes longer than most
    trainings."""
    package = find_spec("sklearn")
    if package is None or not package.submodule_search_locations:
        raise KoopflowError("data: the source digits needs scikit-learn; pip install scikit-learn")
    path = Path(package.submodule_search_locations[0]) / FILE
    try:
        return np.loadtxt(path, delimiter=",", dtype=np.int64)
    except (OSError, ValueError) as error:
        raise KoopflowError(f"{path}: not readable as the digits ({error}); reinstall scikit-learn") from error
