"""Synthetic series whose dynamics return, and real ones that ship inside statsmodels."""

import numpy as np

from koopflow.data.series.registry import noise, source


def _finish(name, spec, seed, clean, label="value"):
    count = len(clean)
    return np.arange(count), clean + float(spec.get("noise", 0.0) or 0.0) * noise(seed, name, count), label


@source
def switching(name, spec, seed):
    """A sine whose frequency switches between two values every 60 steps."""
    time = np.arange(int(spec.get("length") or 1200))
    frequency = np.where((time // 60) % 2 == 0, 0.05, 0.09)
    return _finish(name, spec, seed, np.sin(2 * np.pi * np.cumsum(frequency)))


@source
def drifting(name, spec, seed):
    """A sine whose frequency drifts up and down between 0.02 and 0.08 once in 400 steps."""
    time = np.arange(int(spec.get("length") or 1600))
    frequency = 0.05 + 0.03 * np.sin(2 * np.pi * time / 400)
    return _finish(name, spec, seed, np.sin(2 * np.pi * np.cumsum(frequency)))


@source
def seasons(name, spec, seed):
    """Two oscillations whose shares trade places with a season of 120 steps."""
    time = np.arange(int(spec.get("length") or 1200))
    share = 0.5 + 0.5 * np.tanh(4 * np.sin(2 * np.pi * time / 120))
    return _finish(name, spec, seed, share * np.sin(2 * np.pi * time / 20) + (1 - share) * np.sin(2 * np.pi * time / 8))


@source
def jump(name, spec, seed):
    """A slow oscillation that every 80 steps jumps to another level and a faster one, and back."""
    time = np.arange(int(spec.get("length") or 1200))
    up = (time // 80) % 2 == 1
    return _finish(name, spec, seed, np.where(up, 3 + 0.5 * np.sin(2 * np.pi * time / 10), np.sin(2 * np.pi * time / 25)))


@source
def sunspots(name, spec, seed):
    """Yearly sunspot numbers 1700-2008, shipped with statsmodels."""
    from statsmodels.datasets import sunspots as data

    frame = data.load_pandas().data
    return frame["YEAR"].to_numpy(), frame["SUNACTIVITY"].to_numpy(float), "sunspot number"


@source
def co2(name, spec, seed):
    """Weekly CO2 at Mauna Loa 1958-2001, shipped with statsmodels; 59 weeks are missing."""
    from statsmodels.datasets import co2 as data

    frame = data.load_pandas().data
    return frame.index.to_numpy(), frame["co2"].to_numpy(float), "CO2 (ppm)"


@source
def elnino(name, spec, seed):
    """Monthly sea surface temperature off Peru 1950-2010, shipped with statsmodels."""
    import pandas as pd
    from statsmodels.datasets import elnino as data

    frame = data.load_pandas().data.set_index("YEAR")
    values = frame.to_numpy(float).ravel()
    start = f"{int(frame.index[0])}-01-01"
    return pd.date_range(start, periods=len(values), freq="MS").to_numpy(), values, "temperature (°C)"
