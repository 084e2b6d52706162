# Are two optimizers, or two training set-ups, the same dynamics? (arXiv 2302.09160)
OPTIMIZERS = config["equivalence"]["optimizers"]


rule run_optimizers:
    input:
        code=library("run_optimizers"),
    output:
        trajectories="<results>/equivalence/optimizers/trajectories.npz",
        eigenvalues="<results>/equivalence/optimizers/eigenvalues.csv",
        distances="<results>/equivalence/optimizers/distances.csv",
    log:
        "<logs>/run_optimizers.log",
    benchmark:
        "<benchmarks>/run_optimizers.tsv"
    conda:
        "../envs/koopman.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        study=OPTIMIZERS,
        seed=config["seed"],
    script:
        "../scripts/run_optimizers.py"


rule plot_optimizers:
    input:
        trajectories=rules.run_optimizers.output.trajectories,
        eigenvalues=rules.run_optimizers.output.eigenvalues,
        distances=rules.run_optimizers.output.distances,
        code=library("plot_optimizers"),
    output:
        runs=figure("optimizers_runs"),
        spectra=figure("optimizers_spectra"),
    log:
        "<logs>/plot_optimizers.log",
    benchmark:
        "<benchmarks>/plot_optimizers.tsv"
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        style=config["figures"]["style"],
    script:
        "../scripts/plot_optimizers.py"


rule equivalence:
    input:
        rules.run_optimizers.output,
        rules.plot_optimizers.output,
