# Koopman spectra of your own trajectories: the `trajectories:` block of the config.
SPECTRA = PLANS["spectra"]


rule fit_spectrum:
    input:
        trajectory=lambda wildcards: local(SPECTRA.files(wildcards.trajectory)),
        code=library("fit_spectrum"),
    output:
        spectrum="<results>/spectra/{trajectory}/eigenvalues.csv",
        runs="<results>/spectra/{trajectory}/runs.csv",
        exclusions="<results>/spectra/{trajectory}/exclusions.csv",
        windows="<results>/spectra/{trajectory}/windows.csv",
    log:
        "<logs>/fit_spectrum/{trajectory}.log",
    benchmark:
        "<benchmarks>/fit_spectrum/{trajectory}.tsv"
    conda:
        f"../envs/{SPECTRA.environment}.yaml"
    threads: SETTINGS.threads
    resources:
        **estimates.asked(lambda wildcards: SPECTRA.fit_estimate(wildcards.trajectory)),
    params:
        spec=lambda wildcards: SPECTRA.trajectories[wildcards.trajectory].dump(),
        options=SETTINGS.spectra.dump(),
        seed=SETTINGS.seed,
    message:
        "Fitting a Koopman operator to trajectory {wildcards.trajectory}"
    script:
        "../scripts/fit_spectrum.py"


rule compare_spectra:
    input:
        spectra=expand("<results>/spectra/{trajectory}/eigenvalues.csv", trajectory=SPECTRA.trajectories),
        runs=expand("<results>/spectra/{trajectory}/runs.csv", trajectory=SPECTRA.trajectories),
        exclusions=expand("<results>/spectra/{trajectory}/exclusions.csv", trajectory=SPECTRA.trajectories),
        windows=expand("<results>/spectra/{trajectory}/windows.csv", trajectory=SPECTRA.trajectories),
        code=library("compare_spectra"),
    output:
        eigenvalues="<results>/spectra/eigenvalues.csv",
        distances="<results>/spectra/distances.csv",
        tests="<results>/spectra/tests.csv",
        stability="<results>/spectra/stability.csv",
        exclusions="<results>/spectra/exclusions.csv",
        figure=figure("trajectories_spectra") if SPECTRA.trajectories else [],
        windows="<results>/spectra/windows.csv",
        windows_figure=figure("trajectories_windows") if SPECTRA.windows else [],
    log:
        "<logs>/compare_spectra.log",
    benchmark:
        "<benchmarks>/compare_spectra.tsv"
    conda:
        "../envs/koopman.yaml"
    threads: 1
    resources:
        **SMALL,
    params:
        ranks={name: trajectory.rank for name, trajectory in SPECTRA.trajectories.items()},
        seed=SETTINGS.seed,
        options=SETTINGS.spectra.dump(),
        style=SETTINGS.figures.style.dump(),
    message:
        "Comparing the spectra of your trajectories"
    script:
        "../scripts/compare_spectra.py"


rule spectra:
    input:
        ["<results>/checks/spectra.json", *rules.compare_spectra.output] if SPECTRA.trajectories else [],
