# Are two optimizers, or two training set-ups, the same dynamics? (arXiv 2302.09160)
import re

OPTIMIZERS = config["equivalence"]["optimizers"]
TRAINING = config["equivalence"]["training"]
SETUPS = {name: setup.dump() for name, setup in checked(setups, STUDY.equivalence.training, STUDY.data).items()}
PARTS = parts(TRAINING["seeds"], TRAINING["copies"], config["replicas_per_job"])


wildcard_constraints:
    setup="|".join(map(re.escape, SETUPS)) or "none",
    part="[0-9]+",


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
    priority: 10
    conda:
        "../envs/koopman.yaml"
    threads: 1
    resources:
        **estimates.asked(estimates.small(mem_mb=estimates.TORCH_MB)),
    params:
        study=OPTIMIZERS,
        seed=config["seed"],
    message:
        "Running mirror descent, gradient descent and bisection on one problem"
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
        **estimates.asked(estimates.small()),
    params:
        style=config["figures"]["style"],
    message:
        "Drawing the three optimizers"
    script:
        "../scripts/plot_optimizers.py"


rule check_equivalence:
    input:
        code=library("check_equivalence"),
    output:
        "<results>/checks/equivalence.json",
    log:
        "<logs>/check_equivalence.log",
    benchmark:
        "<benchmarks>/check_equivalence.tsv"
    priority: 100
    localrule: True
    conda:
        "../envs/training.yaml"
    threads: EVERY_CORE
    resources:
        **estimates.asked(estimates.small(mem_mb=estimates.TORCH_MB)),
        turns=ALL_TURNS,
    params:
        setups=SETUPS,
        data=config["data"],
        data_root=config["data_root"],
        seed=config["seed"],
    message:
        "Checking the set-ups of the equivalence study before anything is trained"
    script:
        "../scripts/check_equivalence.py"


rule train_ensemble:
    input:
        code=library("train_ensemble"),
    output:
        trajectories="<results>/equivalence/training/{setup}/{part}/trajectories.h5",
        replicas="<results>/equivalence/training/{setup}/{part}/replicas.csv",
    log:
        "<logs>/train_ensemble/{setup}-{part}.log",
    benchmark:
        "<benchmarks>/train_ensemble/{setup}-{part}.tsv"
    priority: 20
    conda:
        "../envs/training.yaml"
    threads: config["threads"]
    resources:
        **estimates.asked(size_of_part),
        **GPU,
    params:
        setup=lambda wildcards: SETUPS[wildcards.setup],
        seeds=lambda wildcards: PARTS[int(wildcards.part)],
        data=lambda wildcards: data_of(SETUPS[wildcards.setup]["data"]),
        copies=TRAINING["copies"],
        perturbation=TRAINING["perturbation"],
        capture_every=TRAINING["capture_every"],
        checkpoint_interval=config["checkpoint_interval"],
        device=config["device"],
        seed=config["seed"],
    message:
        "Training the ensemble of set-up {wildcards.setup}, part {wildcards.part}"
    script:
        "../scripts/train_ensemble.py"


rule fit_spectra:
    input:
        trajectories=expand(
            "<results>/equivalence/training/{{setup}}/{part}/trajectories.h5",
            part=range(len(PARTS)),
        ),
        replicas=expand("<results>/equivalence/training/{{setup}}/{part}/replicas.csv", part=range(len(PARTS))),
        code=library("fit_spectra"),
    output:
        eigenvalues="<results>/equivalence/training/{setup}/eigenvalues.csv",
        losses="<results>/equivalence/training/{setup}/losses.csv",
        exclusions="<results>/equivalence/training/{setup}/exclusions.csv",
    log:
        "<logs>/fit_spectra/{setup}.log",
    benchmark:
        "<benchmarks>/fit_spectra/{setup}.tsv"
    priority: 10
    conda:
        "../envs/koopman.yaml"
    threads: config["threads"]
    resources:
        **estimates.asked(size_of_fits),
    params:
        koopman=lambda wildcards: SETUPS[wildcards.setup]["koopman"],
        parts=PARTS,
        copies=TRAINING["copies"],
    message:
        "Fitting a Koopman operator per seed of set-up {wildcards.setup}"
    script:
        "../scripts/fit_spectra.py"


rule compare_setups:
    input:
        eigenvalues=expand("<results>/equivalence/training/{setup}/eigenvalues.csv", setup=SETUPS),
        losses=expand("<results>/equivalence/training/{setup}/losses.csv", setup=SETUPS),
        exclusions=expand("<results>/equivalence/training/{setup}/exclusions.csv", setup=SETUPS),
        code=library("compare_setups"),
    output:
        eigenvalues="<results>/equivalence/training/eigenvalues.csv",
        distances="<results>/equivalence/training/distances.csv",
        tests="<results>/equivalence/training/tests.csv",
        matrix="<results>/equivalence/training/distance_matrix.csv",
        losses="<results>/equivalence/training/losses.csv",
        exclusions="<results>/equivalence/training/exclusions.csv",
    log:
        "<logs>/compare_setups.log",
    benchmark:
        "<benchmarks>/compare_setups.tsv"
    priority: 10
    conda:
        "../envs/koopman.yaml"
    threads: 1
    resources:
        **estimates.asked(size_of_comparison()),
    params:
        comparisons=TRAINING["comparisons"],
        shuffles=TRAINING["shuffles"],
        significance=TRAINING["significance"],
        margin=TRAINING["margin"],
        seed=config["seed"],
    message:
        "Comparing the spectra of all set-ups, between and within"
    script:
        "../scripts/compare_setups.py"


rule plot_equivalence:
    input:
        eigenvalues=rules.compare_setups.output.eigenvalues,
        distances=rules.compare_setups.output.distances,
        tests=rules.compare_setups.output.tests,
        matrix=rules.compare_setups.output.matrix,
        losses=rules.compare_setups.output.losses,
        code=library("plot_equivalence"),
    output:
        spectra=figure("equivalence_spectra"),
        distances=figure("equivalence_distances"),
        matrix=figure("equivalence_distance_matrix"),
        losses=figure("equivalence_losses"),
    log:
        "<logs>/plot_equivalence.log",
    benchmark:
        "<benchmarks>/plot_equivalence.tsv"
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        **estimates.asked(estimates.small()),
    params:
        style=config["figures"]["style"],
        comparisons=TRAINING["comparisons"],
    message:
        "Drawing the equivalence of set-ups"
    script:
        "../scripts/plot_equivalence.py"


rule equivalence:
    input:
        rules.check_equivalence.output,
        rules.run_optimizers.output,
        rules.plot_optimizers.output,
        rules.compare_setups.output,
        rules.plot_equivalence.output,
