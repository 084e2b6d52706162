"""Example weights of a training, which published figures show along the iterations."""

import numpy as np
import pandas as pd

from koopflow.io.columns import EXAMPLE_WEIGHTS
from koopflow.trajectory import Trajectory

SHOWN = 5
"""Weights per set-up."""


def example_weights(name: str, trajectory: Trajectory) -> pd.DataFrame:
    """Return a few weights of the first network, evenly spaced among its parameters.

    Columns `EXAMPLE_WEIGHTS`; `weight` is the number of the parameter in the trajectory.
    """
    count = trajectory.parameter_count
    shown = np.linspace(0, count - 1, min(SHOWN, count)).astype(int)
    values = trajectory.read([(0, count)], [0])[0][:, shown]
    columns = {
        "setting": name,
        "iteration": np.repeat(trajectory.steps, len(shown)),
        "weight": np.tile(shown, len(values)),
        "value": values.ravel(),
    }
    return pd.DataFrame(columns)[list(EXAMPLE_WEIGHTS)]
