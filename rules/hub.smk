# Forecasts for hubs, from vintages: the `hub:` block of the config. The default study has none.
HUB = PLANS["hub"]


wildcard_constraints:
    hub=one_of(HUB.hubs),


rule forecast_hub:
    input:
        tables=lambda wildcards: local(HUB.files(wildcards.hub)),
        code=library("forecast_hub"),
    output:
        quantiles="<results>/hub/{hub}/quantiles.parquet",
        earlier="<results>/hub/{hub}/earlier_seasons.parquet",
        files=directory("<results>/hub/{hub}/model-output"),
    log:
        "<logs>/forecast_hub/{hub}.log",
    benchmark:
        "<benchmarks>/forecast_hub/{hub}.tsv"
    priority: 30
    conda:
        "../envs/forecast.yaml"
    threads: 1
    resources:
        **estimates.asked(lambda wildcards: HUB.estimate(wildcards.hub)),
    params:
        study=lambda wildcards: HUB.given(wildcards.hub),
        folder=lambda wildcards: HUB.folder(wildcards.hub),
        seed=SETTINGS.seed,
    message:
        "Forecasting for the hub {wildcards.hub}"
    script:
        "../scripts/forecast_hub.py"


rule score_hubs:
    input:
        quantiles=expand("<results>/hub/{hub}/quantiles.parquet", hub=HUB.hubs),
        earlier=expand("<results>/hub/{hub}/earlier_seasons.parquet", hub=HUB.hubs),
        tables=local([file for name in HUB.hubs for file in HUB.files(name)]),
        code=library("score_hubs"),
    output:
        leaderboard="<results>/hub/leaderboard.csv",
        pairs="<results>/hub/pairs.csv",
        seasons="<results>/hub/seasons.csv",
    log:
        "<logs>/score_hubs.log",
    benchmark:
        "<benchmarks>/score_hubs.tsv"
    conda:
        "../envs/forecast.yaml"
    threads: 1
    resources:
        **estimates.asked(estimates.small(120, 1500)),
    params:
        study=HUB.given(*HUB.hubs),
        folders={name: HUB.folder(name) for name in HUB.hubs},
        seed=SETTINGS.seed,
    message:
        "Scoring the forecasts for all hubs"
    script:
        "../scripts/score_hubs.py"


use rule plot as plot_hub with:
    input:
        quantiles=expand("<results>/hub/{hub}/quantiles.parquet", hub=HUB.hubs),
        leaderboard=rules.score_hubs.output.leaderboard,
        tables=local([file for name in HUB.hubs for file in HUB.files(name)]),
        code=library("plot_hub"),
    output:
        leaderboards=[file for name in HUB.hubs for file in figure("hub_leaderboard", name)],
        fans=[file for name in HUB.hubs for file in figure("hub_fans", name)],
    log:
        "<logs>/plot_hub.log",
    benchmark:
        "<benchmarks>/plot_hub.tsv"
    params:
        script="plot_hub",
        style=SETTINGS.figures.style.dump(),
        study=HUB.given(*HUB.hubs),
        folders={name: HUB.folder(name) for name in HUB.hubs},
    message:
        "Drawing leaderboards and fan charts of all hubs"


rule hub:
    input:
        ["<results>/checks/hub.json", *rules.score_hubs.output, *rules.plot_hub.output] if HUB.hubs else [],
