"""Predictors that compare the images of two tasks and read no network."""

import numpy as np
from numpy.typing import NDArray

from koopflow.data.images.sets import Images
from koopflow.tickets.predictors.declared import Candidates, predictor


@predictor(needs={"source_images"}, passes=lambda candidates: 0.0)
def pixel_statistics(candidates: Candidates) -> NDArray[np.float64]:
    """Return minus the root mean square difference between the tasks' means and standard deviations
    of pixels."""
    here = _moments(candidates.images)
    apart = {
        source: float(np.sqrt(np.mean((_moments(candidates.source_images[source]) - here) ** 2)))
        for source in dict.fromkeys(candidates.sources)
    }
    return candidates.by_source(apart.__getitem__)


def _moments(images: Images) -> NDArray[np.float64]:
    """Return mean and standard deviation of every training pixel, (2, pixel)."""
    pixels = images.x_train.reshape(len(images.x_train), -1).astype(np.float64)
    return np.stack([pixels.mean(axis=0), pixels.std(axis=0)])
