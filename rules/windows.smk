# When does a training change its dynamics? Operators of windows of iterations along it, part of the stage equivalence
# (Identifying Equivalent Training Dynamics, Fig. 4).


use rule train_ensemble as train_windows with:
    input:
        code=library("train_ensemble"),
    output:
        trajectories=[state("<results>/equivalence/windows/{setup}/trajectories.h5")],
        replicas=[part("<results>/equivalence/windows/{setup}/replicas.csv")],
    log:
        "<logs>/train_windows/{setup}.log",
    benchmark:
        "<benchmarks>/train_windows/{setup}.tsv"
    wildcard_constraints:
        setup=one_of(EQUIVALENCE.windows),
    resources:
        **estimates.asked(lambda wildcards: EQUIVALENCE.windows_estimate(wildcards.setup)),
        **GPU,
    params:
        setups=lambda wildcards: {wildcards.setup: EQUIVALENCE.windows[wildcards.setup].setup()},
        seeds=lambda wildcards: (0, EQUIVALENCE.windows[wildcards.setup].seeds),
        data=lambda wildcards: {wildcards.setup: data_of(EQUIVALENCE.windows[wildcards.setup].data)},
        copies=lambda wildcards: EQUIVALENCE.windows[wildcards.setup].copies,
        perturbation=lambda wildcards: EQUIVALENCE.windows[wildcards.setup].perturbation,
        capture_every=1,
        first_state=0,
        checkpoint_interval=SETTINGS.checkpoint_interval,
        device=SETTINGS.device,
        seed=SETTINGS.seed,
    message:
        "Training the networks of the windows {wildcards.setup}"


rule fit_windows:
    input:
        trajectories="<results>/equivalence/windows/{setup}/trajectories.h5",
        replicas="<results>/equivalence/windows/{setup}/replicas.csv",
        code=library("fit_windows"),
    output:
        part("<results>/equivalence/windows/{setup}/eigenvalues.csv"),
    log:
        "<logs>/fit_windows/{setup}.log",
    benchmark:
        "<benchmarks>/fit_windows/{setup}.tsv"
    wildcard_constraints:
        setup=one_of(EQUIVALENCE.windows),
    priority: 10
    conda:
        "../envs/koopman.yaml"
    threads: SETTINGS.threads
    resources:
        **SMALL,
    params:
        koopman=lambda wildcards: EQUIVALENCE.windows[wildcards.setup].koopman.dump(),
        window=lambda wildcards: EQUIVALENCE.windows[wildcards.setup].window,
        copies=lambda wildcards: EQUIVALENCE.windows[wildcards.setup].copies,
    message:
        "Fitting a Koopman operator to each window of {wildcards.setup}"
    script:
        "../scripts/fit_windows.py"


rule compare_windows:
    input:
        eigenvalues=expand("<results>/equivalence/windows/{setup}/eigenvalues.csv", setup=EQUIVALENCE.windows),
        code=library("compare_windows"),
    output:
        eigenvalues="<results>/equivalence/windows/eigenvalues.csv",
        distances="<results>/equivalence/windows/distances.csv",
    log:
        "<logs>/compare_windows.log",
    benchmark:
        "<benchmarks>/compare_windows.tsv"
    priority: 10
    conda:
        "../envs/koopman.yaml"
    threads: 1
    resources:
        **SMALL,
    message:
        "Comparing the spectra of windows along trainings"
    script:
        "../scripts/compare_windows.py"


use rule plot as plot_windows with:
    input:
        distances=rules.compare_windows.output.distances,
        code=library("plot_windows"),
    output:
        figure=figure("equivalence_windows") if EQUIVALENCE.windows else [],
    log:
        "<logs>/plot_windows.log",
    benchmark:
        "<benchmarks>/plot_windows.tsv"
    params:
        script="plot_windows",
        style=SETTINGS.figures.style.dump(),
    message:
        "Drawing distances between windows along trainings"
