"""Names of all forecasters, and of the experts that the gated forecaster weights."""

from koopflow.core.registry import Registry

FORECASTERS = Registry(
    "forecaster",
    {
        "persistence": "koopflow.forecast.plain_methods:Persistence",
        "seasonal_naive": "koopflow.forecast.plain_methods:SeasonalNaive",
        "drift": "koopflow.forecast.plain_methods:Drift",
        "ets": "koopflow.forecast.plain_methods:Ets",
        "arima": "koopflow.forecast.plain_methods:Arima",
        "auto_arima": "koopflow.forecast.plain_methods:AutoArima",
        "theta": "koopflow.forecast.plain_methods:Theta",
        "ridge": "koopflow.forecast.plain_methods:Ridge",
        "airline": "koopflow.forecast.company.methods:Airline",
        "mstl": "koopflow.forecast.company.methods:Mstl",
        "regression": "koopflow.forecast.company.methods:Regression",
        "boosting": "koopflow.forecast.company.methods:Boosting",
        "pooled_boosting": "koopflow.forecast.company.methods:PooledBoosting",
        "sliding": "koopflow.forecast.methods:Sliding",
        "episodic": "koopflow.forecast.methods:Episodic",
        "episodic_paper": "koopflow.forecast.methods:EpisodicPaper",
        "gated": "koopflow.forecast.methods:Gated",
        "combined": "koopflow.forecast.combined:Combined",
        "gated_without_recall": "koopflow.forecast.methods:GatedWithoutRecall",
        "gated_without_memory": "koopflow.forecast.methods:GatedWithoutMemory",
    },
)
"""See `koopflow.forecast.protocol.Forecaster`."""

BASELINES = (
    *("persistence", "seasonal_naive", "drift", "ets", "arima", "auto_arima", "theta", "ridge"),
    *("airline", "mstl", "regression", "boosting", "pooled_boosting"),
)
"""The forecasters without Koopman operators."""

EXPERTS = Registry(
    "expert",
    {
        "persistence": "koopflow.forecast.experts:persistence_expert",
        "sliding": "koopflow.forecast.experts:sliding",
        "recalled": "koopflow.forecast.experts:recalled",
        "recalled_episode": "koopflow.forecast.experts:recalled_episode",
        "continuation": "koopflow.forecast.experts:continuation",
        "consolidated": "koopflow.forecast.experts:consolidated",
        "seasonal": "koopflow.forecast.experts:seasonal",
        "seasonal_shift": "koopflow.forecast.experts:seasonal_shift",
        "seasonal_mean": "koopflow.forecast.experts:seasonal_mean",
        "mean": "koopflow.forecast.experts:mean",
        "ets": "koopflow.forecast.company.experts:ets",
        "airline": "koopflow.forecast.company.experts:airline",
        "seasonal_decomposition": "koopflow.forecast.company.experts:seasonal_decomposition",
        "regression": "koopflow.forecast.company.experts:regression",
        "boosting": "koopflow.forecast.company.experts:boosting",
        "pooled": "koopflow.forecast.company.experts:pooled",
        "corrected": "koopflow.forecast.experts:corrected",
    },
)
"""In gate order: persistence first, since forecasts are taken relative to it."""

PANEL_EXPERTS = Registry(
    "panel expert",
    {
        "persistence": "koopflow.forecast.panels.experts:persistence",
        "damped": "koopflow.forecast.panels.experts:damped",
        "linear": "koopflow.forecast.panels.experts:linear",
        "seasonal": "koopflow.forecast.panels.experts:seasonal",
        "universal": "koopflow.forecast.panels.experts:universal",
        "recall": "koopflow.forecast.panels.experts:recall",
    },
)
"""The experts of a panel; see `koopflow.forecast.panels.experts.Situation`."""
