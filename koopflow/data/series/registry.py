"""The names of the sources of series, and where each is defined; listing them imports nothing else.

A source is a function ``(name, settings, seed, **options) -> (times, values, label)``: what it
found, as it is. Times are datetime64 or numbers, increasing; values are floats, NaN where one is
missing; the label names the values on axes. Options come from ``arguments``.
``package.module:name`` works wherever a name does.
"""

from koopflow.core.registry import Registry

SOURCES = Registry(
    "series source",
    {
        "csv": "koopflow.data.series.csv:csv",
        "switching": "koopflow.data.series.synthetic:switching",
        "drifting": "koopflow.data.series.synthetic:drifting",
        "seasons": "koopflow.data.series.synthetic:seasons",
        "jump": "koopflow.data.series.synthetic:jump",
        "sunspots": "koopflow.data.series.shipped:sunspots",
        "co2": "koopflow.data.series.shipped:co2",
        "elnino": "koopflow.data.series.shipped:elnino",
        "influenza": "koopflow.data.series.downloads:influenza",
        "bike_share_daily": "koopflow.data.series.downloads:bike_share_daily",
        "bike_share_hourly": "koopflow.data.series.downloads:bike_share_hourly",
        "nile": "koopflow.data.series.shipped:nile",
        "electrical_equipment": "koopflow.data.series.shipped:electrical_equipment",
        "gdp": "koopflow.data.series.shipped:gdp",
        "german_inflation": "koopflow.data.series.shipped:german_inflation",
        "google": "koopflow.data.series.shipped:google",
        "membrane": "koopflow.data.series.shipped:membrane",
        "eeg": "koopflow.data.series.shipped:eeg",
    },
)
