"""The default set: 1,797 real handwritten digits, 8 × 8 pixels, inside scikit-learn (UCI 80, Alpaydin and Kaynak
1998); no download."""

import numpy as np

from koopflow import seeds
from koopflow.data.images import RawImages
from koopflow.data.registry import source

TEST_SHARE = 0.2


@source("digits")
def digits(context) -> RawImages:
    """Return the digits, a fixed fifth of each class as the test part; the split does not depend on the run's seed."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    # 16 grey levels above zero, so that pixels lie in [0, 1] as elsewhere.
    images = (bunch.images / 16).astype(np.float32)[:, None]
    labels = bunch.target.astype(np.int64)
    order = seeds.rng(0, "data", "digits", "split").permutation(len(labels))
    test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        test[members[: round(TEST_SHARE * len(members))]] = True
    return RawImages(images[~test], labels[~test], images[test], labels[test], "digits")
