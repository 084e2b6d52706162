# Do the first steps of a training tell whether the network will generalize? (Identifying Equivalent Training Dynamics, Fig. 5)
GROKKING = PLANS["grokking"]


rule train_grokking:
    input:
        code=library("train_grokking"),
    output:
        trajectories=state("<results>/grokking/networks/{setting}/trajectories.h5"),
        curves=part("<results>/grokking/networks/{setting}/curves.csv"),
    log:
        "<logs>/train_grokking/{setting}.log",
    benchmark:
        "<benchmarks>/train_grokking/{setting}.tsv"
    wildcard_constraints:
        setting=one_of(GROKKING.settings),
    priority: 20
    conda:
        "../envs/training.yaml"
    threads: SETTINGS.threads
    resources:
        **estimates.asked(lambda wildcards: GROKKING.training_estimate(wildcards.setting)),
        **GPU,
    params:
        setup=lambda wildcards: GROKKING.settings[wildcards.setting].dump(),
        seeds=lambda wildcards: GROKKING.seeds(wildcards.setting),
        data=lambda wildcards: GROKKING.data(wildcards.setting).dump(),
        measured=lambda wildcards: GROKKING.measured(wildcards.setting),
        observables=plain(GROKKING.block.observables),
        states=lambda wildcards: GROKKING.states(wildcards.setting),
        checkpoint_interval=SETTINGS.checkpoint_interval,
        device=SETTINGS.device,
        seed=SETTINGS.seed,
    message:
        "Training the networks of {wildcards.setting} on modular addition"
    script:
        "../scripts/train_grokking.py"


rule fit_grokking:
    input:
        trajectories=expand("<results>/grokking/networks/{setting}/trajectories.h5", setting=GROKKING.settings),
        curves=expand("<results>/grokking/networks/{setting}/curves.csv", setting=GROKKING.settings),
        code=library("fit_grokking"),
    output:
        curves="<results>/grokking/curves.csv",
        eigenvalues="<results>/grokking/eigenvalues.csv",
        distances="<results>/grokking/distances.csv",
        rank_distances="<results>/grokking/rank_distances.csv",
        prediction="<results>/grokking/prediction.csv",
        areas="<results>/grokking/areas.csv",
    log:
        "<logs>/fit_grokking.log",
    benchmark:
        "<benchmarks>/fit_grokking.tsv"
    priority: 10
    conda:
        "../envs/koopman.yaml"
    threads: 1
    resources:
        **estimates.asked(GROKKING.fit_estimate()),
    params:
        pooled=GROKKING.pooled(),
        directions=GROKKING.block.directions,
        delays=GROKKING.block.delays,
        rank=GROKKING.block.rank,
        first_steps=GROKKING.block.first_steps,
        threshold=GROKKING.block.threshold,
        delay=GROKKING.block.delay,
        predictors=plain(GROKKING.block.predictors),
        level=GROKKING.block.level,
        pairs=plain(GROKKING.block.pairs),
        numbers=GROKKING.numbers(),
    message:
        "Predicting from the first steps which networks grok"
    script:
        "../scripts/fit_grokking.py"


use rule plot as plot_grokking with:
    input:
        curves=rules.fit_grokking.output.curves,
        eigenvalues=rules.fit_grokking.output.eigenvalues,
        distances=rules.fit_grokking.output.distances,
        prediction=rules.fit_grokking.output.prediction,
        areas=rules.fit_grokking.output.areas,
        code=library("plot_grokking"),
    output:
        curves=figure("grokking_curves") if GROKKING.settings else [],
        spectra=figure("grokking_spectra") if GROKKING.settings else [],
        prediction=figure("grokking_prediction") if GROKKING.settings else [],
    log:
        "<logs>/plot_grokking.log",
    benchmark:
        "<benchmarks>/plot_grokking.tsv"
    params:
        script="plot_grokking",
        style=SETTINGS.figures.style.dump(),
        settings=list(GROKKING.block.settings),
        pairs=plain(GROKKING.block.pairs),
        first_steps=GROKKING.block.first_steps,
    message:
        "Drawing what the first steps tell about grokking"


rule grokking:
    input:
        ["<results>/checks/grokking.json", *rules.fit_grokking.output, *rules.plot_grokking.output]
        if GROKKING.settings
        else [],
