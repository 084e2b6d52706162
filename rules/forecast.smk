# Forecasting with episodic memory (arXiv 2311.12615): every series by every method from equal origins, then skill and figures.
FORECAST = PLANS["forecast"]


wildcard_constraints:
    series=one_of(FORECAST.series),


rule forecast_series:
    input:
        file=lambda wildcards: local(FORECAST.files(wildcards.series)),
        code=library("forecast_series"),
    output:
        predictions="<results>/forecast/series/{series}/predictions.parquet",
        recalled="<results>/forecast/series/{series}/recalled.parquet",
        windows="<results>/forecast/series/{series}/windows.npz",
        choices="<results>/forecast/series/{series}/choices.json",
        future="<results>/forecast/series/{series}/future.csv",
    log:
        "<logs>/forecast_series/{series}.log",
    benchmark:
        "<benchmarks>/forecast_series/{series}.tsv"
    priority: 30
    conda:
        "../envs/forecast.yaml"
    threads: 1
    resources:
        **estimates.asked(lambda wildcards: FORECAST.estimate(wildcards.series)),
    params:
        spec=lambda wildcards: FORECAST.spec(wildcards.series),
        study=some(SETTINGS.forecast, "forecasters", "methods", "coverage", "estimates", "quantiles"),
        seed=SETTINGS.seed,
    message:
        "Forecasting {wildcards.series} with all methods"
    script:
        "../scripts/forecast_series.py"


rule score_forecasts:
    input:
        predictions=expand("<results>/forecast/series/{series}/predictions.parquet", series=FORECAST.series),
        choices=expand("<results>/forecast/series/{series}/choices.json", series=FORECAST.series),
        future=expand("<results>/forecast/series/{series}/future.csv", series=FORECAST.series),
        code=library("score_forecasts"),
    output:
        **({"quantiles": "<results>/forecast/quantiles.parquet"} if SETTINGS.forecast.quantiles else {}),
        predictions="<results>/forecast/predictions.parquet",
        skill="<results>/forecast/skill.csv",
        future="<results>/forecast/future.csv",
        over_series="<results>/forecast/over_series.csv",
        left_out="<results>/forecast/left_out.csv",
    log:
        "<logs>/score_forecasts.log",
    benchmark:
        "<benchmarks>/score_forecasts.tsv"
    priority: 30
    conda:
        "../envs/forecast.yaml"
    threads: 1
    resources:
        **estimates.asked(estimates.small(1 + 0.25 * len(FORECAST.series), 250)),
    params:
        series=list(FORECAST.series),
        kinds=FORECAST.kinds(),
        draws=SETTINGS.forecast.draws,
        seed=SETTINGS.seed,
    message:
        "Scoring the forecasts of all series"
    script:
        "../scripts/score_forecasts.py"


# One job draws all figures of the stage, since drawing a series takes less time than starting Python.
use rule plot as plot_forecast with:
    input:
        predictions=expand("<results>/forecast/series/{series}/predictions.parquet", series=FORECAST.series),
        recalled=expand("<results>/forecast/series/{series}/recalled.parquet", series=FORECAST.series),
        windows=expand("<results>/forecast/series/{series}/windows.npz", series=FORECAST.series),
        choices=expand("<results>/forecast/series/{series}/choices.json", series=FORECAST.series),
        skill=rules.score_forecasts.output.skill,
        future=rules.score_forecasts.output.future,
        over_series=rules.score_forecasts.output.over_series,
        code=library("plot_forecast"),
    output:
        future=[file for name in FORECAST.series for file in figure("future", name)],
        forecasts=[file for name in FORECAST.series for file in figure("forecast", name)],
        recurrence=[file for name in FORECAST.series for file in figure("recurrence", name)],
        errors=figure("forecasts_errors"),
        skill=figure("forecasts_skill"),
        naive=figure("forecasts_skill_naive"),
        over_series=figure("forecasts_over_series"),
    log:
        "<logs>/plot_forecast.log",
    benchmark:
        "<benchmarks>/plot_forecast.tsv"
    priority: 1  # the longest drawing job
    resources:
        **estimates.asked(estimates.drawing(3 * len(FORECAST.series) + 4)),
    params:
        script="plot_forecast",
        style=SETTINGS.figures.style.dump(),
        series=list(FORECAST.series),
        baselines=BASELINES,
    message:
        "Drawing forecasts, errors and skill of all series"


rule forecast:
    input:
        "<results>/checks/forecast.json",
        rules.score_forecasts.output,
        rules.plot_forecast.output,
