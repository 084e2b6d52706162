# Forecasting with episodic memory (arXiv 2311.12615): every series with every method from equal origins, then skill and figures.
import re

FORECAST = config["forecast"]
SERIES = config["series"]


wildcard_constraints:
    series="|".join(map(re.escape, SERIES)) or "none",


rule check_forecast:
    input:
        files=[spec["path"] for spec in SERIES.values() if spec.get("path") and os.path.isfile(spec["path"])],
        code=library("check_forecast"),
    output:
        "<results>/checks/forecast.json",
    log:
        "<logs>/check_forecast.log",
    benchmark:
        "<benchmarks>/check_forecast.tsv"
    priority: 100
    localrule: True
    conda:
        "../envs/forecast.yaml"
    threads: EVERY_CORE
    resources:
        **estimates.asked(estimates.small()),
        turns=ALL_TURNS,
    params:
        series=SERIES,
        seed=config["seed"],
    message:
        "Checking the series before anything is forecast"
    script:
        "../scripts/check_forecast.py"


rule forecast_series:
    input:
        file=file_of,
        code=library("forecast_series"),
    output:
        predictions="<results>/forecast/series/{series}/predictions.parquet",
        recalled="<results>/forecast/series/{series}/recalled.parquet",
        windows="<results>/forecast/series/{series}/windows.npz",
        choices="<results>/forecast/series/{series}/choices.json",
    log:
        "<logs>/forecast_series/{series}.log",
    benchmark:
        "<benchmarks>/forecast_series/{series}.tsv"
    priority: 30
    conda:
        "../envs/forecast.yaml"
    threads: 1
    resources:
        **estimates.asked(lambda wildcards: estimates.series(SERIES[wildcards.series])),
    params:
        spec=lambda wildcards: SERIES[wildcards.series],
        study={key: FORECAST[key] for key in ("methods", "coverage", "estimates")},
        seed=config["seed"],
    message:
        "Forecasting {wildcards.series} with all methods"
    script:
        "../scripts/forecast_series.py"


rule score_forecasts:
    input:
        predictions=expand("<results>/forecast/series/{series}/predictions.parquet", series=SERIES),
        choices=expand("<results>/forecast/series/{series}/choices.json", series=SERIES),
        code=library("score_forecasts"),
    output:
        predictions="<results>/forecast/predictions.parquet",
        skill="<results>/forecast/skill.csv",
    log:
        "<logs>/score_forecasts.log",
    benchmark:
        "<benchmarks>/score_forecasts.tsv"
    priority: 30
    conda:
        "../envs/forecast.yaml"
    threads: 1
    resources:
        **estimates.asked(estimates.small(60, 600)),
    params:
        series=list(SERIES),
        draws=FORECAST["draws"],
        seed=config["seed"],
    message:
        "Scoring the forecasts of all series"
    script:
        "../scripts/score_forecasts.py"


# All figures of the stage in one job: drawing a series takes less time than starting Python.
rule plot_forecast:
    input:
        predictions=expand(rules.forecast_series.output.predictions, series=SERIES),
        recalled=expand(rules.forecast_series.output.recalled, series=SERIES),
        windows=expand(rules.forecast_series.output.windows, series=SERIES),
        choices=expand(rules.forecast_series.output.choices, series=SERIES),
        skill=rules.score_forecasts.output.skill,
        code=library("plot_forecast"),
    output:
        forecasts=[file for name in SERIES for file in figure("forecast", name, "forecast_series")],
        recurrence=[file for name in SERIES for file in figure("recurrence", name, "recurrence_series")],
        errors=figure("forecasts_errors"),
        skill=figure("forecasts_skill"),
        naive=figure("forecasts_skill_naive"),
    log:
        "<logs>/plot_forecast.log",
    benchmark:
        "<benchmarks>/plot_forecast.tsv"
    priority: 1  # the longest of the jobs that draw
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        **estimates.asked(estimates.small()),
    params:
        style=config["figures"]["style"],
        series=list(SERIES),
    message:
        "Drawing the forecasts of all series, their errors and skill"
    script:
        "../scripts/plot_forecast.py"


rule forecast:
    input:
        rules.check_forecast.output,
        rules.score_forecasts.output,
        rules.plot_forecast.output,
