# Koopman spectra of your own trajectories: the `trajectories:` block of the config.
from koopflow.paths import existing

TRAJECTORIES = checked(existing, config["trajectories"])


rule fit_spectrum:
    input:
        trajectory=lambda wildcards: TRAJECTORIES[wildcards.trajectory]["path"],
        code=library("fit_spectrum"),
    output:
        spectrum="<results>/spectra/{trajectory}/eigenvalues.csv",
        runs="<results>/spectra/{trajectory}/runs.csv",
    log:
        "<logs>/fit_spectrum/{trajectory}.log",
    benchmark:
        "<benchmarks>/fit_spectrum/{trajectory}.tsv"
    conda:
        "../envs/koopman.yaml"
    threads: config["threads"]
    resources:
        **sizes.asked(size_of_trajectory),
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
        **sizes.asked(sizes.small()),
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
        rules.compare_spectra.output if TRAJECTORIES else [],
