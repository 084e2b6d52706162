"""The default set: 1,797 real handwritten digits, 8 × 8 pixels, inside scikit-learn (UCI 80, Alpaydin and Kaynak
1998); no download."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from koopflow.core import seeds
from koopflow.core.errors import KoopflowError
from koopflow.data.images.registry import source
from koopflow.data.images.sets import RawImages

TEST_SHARE = 0.2
FILE = Path("datasets", "data", "digits.csv.gz")  # in scikit-learn's folder: 64 grey levels from 0 to 16 and a label per line


@source("digits")
def digits(context) -> RawImages:
    """Return the digits, a fixed fifth of each class as the test part; the split does not depend on the run's seed."""
    table = _table()
    # 16 grey levels above zero, so that pixels lie in [0, 1] as elsewhere.
    images = (table[:, :-1].reshape(-1, 1, 8, 8) / 16).astype(np.float32)
    labels = table[:, -1].astype(np.int64)
    order = seeds.rng(0, "data", "digits", "split").permutation(len(labels))
    test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        test[members[: round(TEST_SHARE * len(members))]] = True
    return RawImages(images[~test], labels[~test], images[test], labels[test], "digits")


def _table() -> np.ndarray:
    """Return scikit-learn's table without importing scikit-learn, which would take longer than most of the trainings."""
    package = find_spec("sklearn")
    if package is None:
        raise KoopflowError("data: source digits stands in scikit-learn, which is not installed: pip install scikit-learn")
    path = Path(package.submodule_search_locations[0]) / FILE
    try:
        return np.loadtxt(path, delimiter=",", dtype=np.int64)
    except (OSError, ValueError) as error:
        raise KoopflowError(f"{path}: not readable as the digits ({error}); install scikit-learn anew") from error
