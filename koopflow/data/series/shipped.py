"""Real series shipped with packages that koopflow depends on: statsmodels and matplotlib."""

from pathlib import Path

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


def nile(name: str, settings: SeriesSettings, seed: int) -> Samples:
    """Yearly flow of the Nile at Aswan, 1871-1970."""
    from statsmodels.datasets import nile as data

    frame = data.load_pandas().data
    return frame["year"].to_numpy(), frame["volume"].to_numpy(float), "flow (10$^8$ m$^3$)"


def electrical_equipment(name: str, settings: SeriesSettings, seed: int) -> Samples:
    """Monthly turnover of electrical equipment in the euro area, 1995-2016 (Eurostat)."""
    from statsmodels.datasets import elec_equip as data

    frame = data.load_pandas().data
    return frame.index.to_numpy(), frame.iloc[:, 0].to_numpy(float), "turnover (index)"


def gdp(name: str, settings: SeriesSettings, seed: int) -> Samples:
    """Quarterly real gross domestic product of the United States, 1959-2009."""
    from statsmodels.datasets import macrodata as data

    frame = data.load_pandas().data
    return _quarters(frame), frame["realgdp"].to_numpy(float), "GDP (10$^9$ USD of 2005)"


def german_inflation(name: str, settings: SeriesSettings, seed: int) -> Samples:
    """Quarterly inflation in Germany, 1972-1998."""
    from statsmodels.datasets import interest_inflation as data

    frame = data.load_pandas().data
    return _quarters(frame), frame["Dp"].to_numpy(float), "inflation (change of log price)"


def google(name: str, settings: SeriesSettings, seed: int) -> Samples:
    """Price of the Google share at the opening of each trading day, 2004-2008."""
    with np.load(_of_matplotlib("goog.npz"), allow_pickle=False) as held:
        rows = held["price_data"]
    return rows["date"], rows["open"].astype(float), "price (USD)"


def membrane(name: str, settings: SeriesSettings, seed: int) -> Samples:
    """Membrane potential of a neuron, 12,000 samples half a millisecond apart."""
    values = np.fromfile(_of_matplotlib("membrane.dat"), np.float32).astype(float)
    return np.arange(len(values)), values, "membrane potential"


def eeg(name: str, settings: SeriesSettings, seed: int) -> Samples:
    """The first of four channels of an electroencephalogram, 800 samples in ten seconds."""
    values = np.fromfile(_of_matplotlib("eeg.dat"), np.float64).reshape(800, 4)[:, 0]
    return np.arange(len(values)), values, "potential"


def _quarters(frame: pd.DataFrame) -> Times:
    """Return the first days of the quarters in the columns year and quarter."""
    dates = {"year": frame["year"], "month": 3 * frame["quarter"] - 2, "day": 1}
    return pd.to_datetime(pd.DataFrame(dates).astype(int)).to_numpy()


def _of_matplotlib(file: str) -> Path:
    from matplotlib import get_data_path

    return Path(get_data_path(), "sample_data", file)
