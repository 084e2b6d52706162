"""Real series shipped with statsmodels."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from koopflow.config.series import SeriesSettings
from koopflow.data.series.series import Times

Samples = tuple[Times, NDArray[np.float64], str]


def sunspots(name: str, settings: SeriesSettings, seed: int) -> Samples:
    """Yearly sunspot numbers, 1700-2008."""
    from statsmodels.datasets import sunspots as data

    frame = data.load_pandas().data
    return frame["YEAR"].to_numpy(), frame["SUNACTIVITY"].to_numpy(float), "sunspot number"


def co2(name: str, settings: SeriesSettings, seed: int) -> Samples:
    """Weekly CO2 at Mauna Loa, 1958-2001; 59 weeks are missing."""
    from statsmodels.datasets import co2 as data

    frame = data.load_pandas().data
    return frame.index.to_numpy(), frame["co2"].to_numpy(float), "CO2 (ppm)"


def elnino(name: str, settings: SeriesSettings, seed: int) -> Samples:
    """Monthly sea surface temperature off Peru, 1950-2010."""
    from statsmodels.datasets import elnino as data

    frame = data.load_pandas().data.set_index("YEAR")
    values = frame.to_numpy(float).ravel()
    start = f"{int(frame.index[0])}-01-01"
    return pd.date_range(start, periods=len(values), freq="MS").to_numpy(), values, "temperature (°C)"
