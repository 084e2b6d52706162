# Koopman pruning and standard methods (arXiv 2110.14856): the networks of a study are trained as one ensemble, then pruned.

PRUNING = PLANS["pruning"]
# What a message says of a part, if an ensemble is split.
PRUNED_PART = ", part {wildcards.part}" if any(len(parts) > 1 for parts in PRUNING.parts.values()) else ""


rule train_pruning:
    input:
        code=library("train_pruning"),
    output:
        trajectories=state("<results>/pruning/networks/{study}/{part}/trajectories.h5"),
        networks=state("<results>/pruning/networks/{study}/{part}/networks.npz"),
        cost="<benchmarks>/pruning/{study}/{part}/training.csv",  # a benchmark, not a result: timings differ between runs
    log:
        "<logs>/train_pruning/{study}-{part}.log",
    benchmark:
        "<benchmarks>/train_pruning/{study}-{part}.tsv"
    wildcard_constraints:
        study=one_of(PRUNING.studies),
    priority: 40
    conda:
        "../envs/pruning.yaml"
    threads: SETTINGS.threads
    resources:
        **estimates.asked(lambda wildcards: PRUNING.training_estimate(wildcards.study, int(wildcards.part))),
        **GPU,
    params:
        study=lambda wildcards: PRUNING.trained(wildcards.study).dump(),
        window=lambda wildcards: PRUNING.window(wildcards.study),
        networks=lambda wildcards: PRUNING.parts[wildcards.study][int(wildcards.part)],
        data=lambda wildcards: data_of(PRUNING.studies[wildcards.study].data),
        checkpoint_interval=SETTINGS.checkpoint_interval,
        device=SETTINGS.device,
        seed=SETTINGS.seed,
    message:
        f"Training the networks of pruning study {{wildcards.study}}{PRUNED_PART}"
    script:
        "../scripts/train_pruning.py"


rule run_pruning:
    input:
        unpack(lambda wildcards: PRUNING.recorded(wildcards.study, rules.train_pruning.output)),
        code=library("run_pruning"),
    output:
        accuracy=part("<results>/pruning/networks/{study}/{part}/accuracy.csv"),
        overlap=part("<results>/pruning/networks/{study}/{part}/overlap.csv"),
        spectrum=part("<results>/pruning/networks/{study}/{part}/spectrum.csv"),
        layers=part("<results>/pruning/networks/{study}/{part}/layers.csv"),
        exclusions=part("<results>/pruning/networks/{study}/{part}/exclusions.csv"),
        masks=part(directory("<results>/pruning/networks/{study}/{part}/masks")),
        cost="<benchmarks>/pruning/{study}/{part}/cost.csv",
    log:
        "<logs>/run_pruning/{study}-{part}.log",
    benchmark:
        "<benchmarks>/run_pruning/{study}-{part}.tsv"
    wildcard_constraints:
        study=one_of(PRUNING.studies),
    priority: 40
    conda:
        "../envs/pruning.yaml"
    threads: SETTINGS.threads
    resources:
        **estimates.asked(lambda wildcards: PRUNING.pruning_estimate(wildcards.study, int(wildcards.part))),
        **GPU,
    params:
        study=lambda wildcards: PRUNING.studies[wildcards.study].dump(),
        methods={name: method.dump() for name, method in PRUNING.methods.items()},
        data=lambda wildcards: data_of(PRUNING.studies[wildcards.study].data),
        device=SETTINGS.device,
        seed=SETTINGS.seed,
    message:
        f"Pruning the networks of study {{wildcards.study}}{PRUNED_PART}"
    script:
        "../scripts/run_pruning.py"


rule collect_pruning:
    input:
        accuracy=PRUNING.part_files("<results>/pruning/networks", "accuracy"),
        overlap=PRUNING.part_files("<results>/pruning/networks", "overlap"),
        spectrum=PRUNING.part_files("<results>/pruning/networks", "spectrum"),
        layers=PRUNING.part_files("<results>/pruning/networks", "layers"),
        exclusions=PRUNING.part_files("<results>/pruning/networks", "exclusions"),
        cost=PRUNING.part_files("<benchmarks>/pruning", "cost"),
        code=library("collect_pruning"),
    output:
        accuracy="<results>/pruning/accuracy.csv",
        overlap="<results>/pruning/overlap.csv",
        spectrum="<results>/pruning/spectrum.csv",
        layers="<results>/pruning/layers.csv",
        exclusions="<results>/pruning/exclusions.csv",
        differences="<results>/pruning/differences.csv",
        best="<results>/pruning/best.csv",
        onset="<results>/pruning/onset.csv",
        predictors="<results>/pruning/predictors.csv",
        wins="<results>/pruning/wins.csv",
        cost="<benchmarks>/pruning/cost.csv",
    log:
        "<logs>/collect_pruning.log",
    benchmark:
        "<benchmarks>/collect_pruning.tsv"
    priority: 40
    conda:
        "../envs/pruning.yaml"
    threads: 1
    resources:
        **estimates.asked(PRUNING.collection_estimate()),
    message:
        "Collecting the pruned networks of all studies"
    script:
        "../scripts/collect_pruning.py"


use rule plot as plot_pruning with:
    input:
        **{table: rules.collect_pruning.output[table] for table in ("accuracy", "overlap", "spectrum", "layers")},
        code=library("plot_pruning"),
    output:
        **({"scores": figure("pruning_scores")} if PRUNING.compares_all else {}),
        accuracy=figure("pruning_accuracy"),
        finetuned=figure("pruning_accuracy_finetuned"),
        overlap=figure("pruning_overlap"),
        convergence=figure("pruning_convergence"),
        eigenvalues=figure("pruning_eigenvalues"),
        layers=figure("pruning_layers"),
    log:
        "<logs>/plot_pruning.log",
    benchmark:
        "<benchmarks>/plot_pruning.tsv"
    params:
        script="plot_pruning",
        stages=PRUNING.stages,
        style=SETTINGS.figures.style.dump(),
    message:
        "Drawing accuracy, overlap and spectra of pruning"


rule pruning:
    input:
        "<results>/checks/pruning.json",
        rules.collect_pruning.output,
        rules.plot_pruning.output,
