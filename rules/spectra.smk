# Koopman spectra of your own trajectories: the `trajectories:` block of the config.
from koopflow.io.paths import existing, read_from, takes_torch

TRAJECTORIES = checked(existing, config["trajectories"])
# Reading checkpoints takes torch, a large package that nothing else here needs.
CHECKPOINTS = takes_torch(TRAJECTORIES)


rule check_spectra:
    input:
        trajectories=[file for spec in TRAJECTORIES.values() for file in read_from(spec["path"])],
        code=library("check_spectra"),
    output:
        "<results>/checks/spectra.json",
    log:
        "<logs>/check_spectra.log",
    benchmark:
        "<benchmarks>/check_spectra.tsv"
    priority: 100
    localrule: True
    conda:
        "../envs/checkpoints.yaml" if CHECKPOINTS else "../envs/koopman.yaml"
    threads: EVERY_CORE
    resources:
        **estimates.asked(estimates.small()),
        turns=ALL_TURNS,
    params:
        trajectories=TRAJECTORIES,
    message:
        "Looking at the files of your trajectories before any is fitted"
    script:
        "../scripts/check_spectra.py"


rule fit_spectrum:
    input:
        trajectory=lambda wildcards: read_from(TRAJECTORIES[wildcards.trajectory]["path"]),
        code=library("fit_spectrum"),
    output:
        spectrum="<results>/spectra/{trajectory}/eigenvalues.csv",
        runs="<results>/spectra/{trajectory}/runs.csv",
    log:
        "<logs>/fit_spectrum/{trajectory}.log",
    benchmark:
        "<benchmarks>/fit_spectrum/{trajectory}.tsv"
    conda:
        "../envs/checkpoints.yaml" if CHECKPOINTS else "../envs/koopman.yaml"
    threads: config["threads"]
    resources:
        **estimates.asked(size_of_trajectory),
    params:
        spec=lambda wildcards: TRAJECTORIES[wildcards.trajectory],
        options=config["spectra"],
        seed=config["seed"],
    message:
        "Fitting a Koopman operator to trajectory {wildcards.trajectory}"
    script:
        "../scripts/fit_spectrum.py"


rule compare_spectra:
    input:
        spectra=expand("<results>/spectra/{trajectory}/eigenvalues.csv", trajectory=TRAJECTORIES),
        runs=expand("<results>/spectra/{trajectory}/runs.csv", trajectory=TRAJECTORIES),
        code=library("compare_spectra"),
    output:
        eigenvalues="<results>/spectra/eigenvalues.csv",
        distances="<results>/spectra/distances.csv",
        tests="<results>/spectra/tests.csv",
        figure=figure("trajectories_spectra"),
    log:
        "<logs>/compare_spectra.log",
    benchmark:
        "<benchmarks>/compare_spectra.tsv"
    conda:
        "../envs/koopman.yaml"
    threads: 1
    resources:
        **estimates.asked(estimates.small()),
    params:
        seed=config["seed"],
        options=config["spectra"],
        style=config["figures"]["style"],
    message:
        "Comparing the spectra of your trajectories"
    script:
        "../scripts/compare_spectra.py"


rule spectra:
    input:
        [*rules.check_spectra.output, *rules.compare_spectra.output] if TRAJECTORIES else [],
