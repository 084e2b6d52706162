"""Forecasts in the hubverse format, used by forecasting communities: `hub`."""

import os
from typing import NoReturn


def hub(folder: str | os.PathLike[str]) -> NoReturn:
    """Open a hubverse hub, a folder of forecasts that many teams share.

    >>> import koopflow as kf
    >>> kf.hub("FluSight-forecast-hub")
    Traceback (most recent call last): NotImplementedError: hub is not available yet;
    koopflow.forecast and koopflow.evaluate take series

    Parameters
    ----------
    folder : path
        A clone of the hub, with `hub-config` and `model-output` inside.

    Raises
    ------
    NotImplementedError
        Always: only the name and the signature are fixed.
    """
    raise NotImplementedError("hub is not available yet; koopflow.forecast and koopflow.evaluate take series")
