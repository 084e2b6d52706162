# Pruning by Koopman modes beside the usual methods (arXiv 2110.14856): the networks of a study are trained as one ensemble, then pruned.

PRUNING = config["pruning"]
PRUNING_STUDIES = {name: study.dump() for name, study in checked(pruning_studies, STUDY.pruning, STUDY.data).items()}
PRUNING_TABLES = ("accuracy", "overlap", "spectrum", "layers")
PRUNING_PARTS = {name: pruning_parts(study) for name, study in PRUNING_STUDIES.items()}


rule check_pruning:
    input:
        code=library("check_pruning"),
    output:
        "<results>/checks/pruning.json",
    log:
        "<logs>/check_pruning.log",
    benchmark:
        "<benchmarks>/check_pruning.tsv"
    priority: 100
    localrule: True
    conda:
        "../envs/pruning.yaml"
    threads: EVERY_CORE
    resources:
        **estimates.asked(estimates.small(mem_mb=estimates.TORCH_MB)),
        turns=ALL_TURNS,
    params:
        studies=PRUNING_STUDIES,
        methods=PRUNING["methods"],
        data=config["data"],
        data_root=config["data_root"],
        seed=config["seed"],
    message:
        "Checking the pruning studies before anything is trained"
    script:
        "../scripts/check_pruning.py"


rule train_pruning:
    input:
        code=library("train_pruning"),
    output:
        trajectories="<results>/pruning/networks/{study}/{part}/trajectories.h5",
        networks="<results>/pruning/networks/{study}/{part}/networks.npz",
        cost="<benchmarks>/pruning/{study}/{part}/training.csv",  # seconds differ from run to run, so they are no result
    log:
        "<logs>/train_pruning/{study}-{part}.log",
    benchmark:
        "<benchmarks>/train_pruning/{study}-{part}.tsv"
    wildcard_constraints:
        study="|".join(PRUNING_STUDIES) or "none",
    priority: 40
    conda:
        "../envs/pruning.yaml"
    threads: config["threads"]
    resources:
        **estimates.asked(size_of_pruned_training),
        **GPU,
    params:
        study=lambda wildcards: pruned_training(PRUNING_STUDIES[wildcards.study]),
        window=lambda wildcards: pruning_window(PRUNING_STUDIES[wildcards.study]),
        networks=lambda wildcards: PRUNING_PARTS[wildcards.study][int(wildcards.part)],
        data=lambda wildcards: data_of(PRUNING_STUDIES[wildcards.study]["data"]),
        checkpoint_interval=config["checkpoint_interval"],
        device=config["device"],
        seed=config["seed"],
    message:
        "Training the networks of pruning study {wildcards.study}, part {wildcards.part}"
    script:
        "../scripts/train_pruning.py"


rule run_pruning:
    input:
        unpack(trained_networks),
        code=library("run_pruning"),
    output:
        accuracy="<results>/pruning/networks/{study}/{part}/accuracy.csv",
        overlap="<results>/pruning/networks/{study}/{part}/overlap.csv",
        spectrum="<results>/pruning/networks/{study}/{part}/spectrum.csv",
        layers="<results>/pruning/networks/{study}/{part}/layers.csv",
        exclusions="<results>/pruning/networks/{study}/{part}/exclusions.csv",
        masks=directory("<results>/pruning/networks/{study}/{part}/masks"),
        cost="<benchmarks>/pruning/{study}/{part}/cost.csv",
    log:
        "<logs>/run_pruning/{study}-{part}.log",
    benchmark:
        "<benchmarks>/run_pruning/{study}-{part}.tsv"
    wildcard_constraints:
        study="|".join(PRUNING_STUDIES) or "none",
    priority: 40
    conda:
        "../envs/pruning.yaml"
    threads: config["threads"]
    resources:
        **estimates.asked(size_of_pruning),
        **GPU,
    params:
        study=lambda wildcards: PRUNING_STUDIES[wildcards.study],
        methods=PRUNING["methods"],
        data=lambda wildcards: data_of(PRUNING_STUDIES[wildcards.study]["data"]),
        device=config["device"],
        seed=config["seed"],
    message:
        "Pruning the networks of study {wildcards.study}, part {wildcards.part}"
    script:
        "../scripts/run_pruning.py"


rule collect_pruning:
    input:
        accuracy=pruned_networks("accuracy"),
        overlap=pruned_networks("overlap"),
        spectrum=pruned_networks("spectrum"),
        layers=pruned_networks("layers"),
        exclusions=pruned_networks("exclusions"),
        cost=pruned_networks("cost"),
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
        **estimates.asked(estimates.small()),
    message:
        "Collecting the pruned networks of all studies"
    script:
        "../scripts/collect_pruning.py"


rule plot_pruning:
    input:
        **{table: rules.collect_pruning.output[table] for table in PRUNING_TABLES},
        code=library("plot_pruning"),
    output:
        accuracy=figure("pruning_accuracy"),
        finetuned=figure("pruning_accuracy_finetuned"),
        overlap=figure("pruning_overlap"),
        eigenvalues=figure("pruning_eigenvalues"),
        layers=figure("pruning_layers"),
    log:
        "<logs>/plot_pruning.log",
    benchmark:
        "<benchmarks>/plot_pruning.tsv"
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        **estimates.asked(estimates.small()),
    params:
        style=config["figures"]["style"],
    message:
        "Drawing accuracy, overlap and spectra of pruning"
    script:
        "../scripts/plot_pruning.py"


rule pruning:
    input:
        rules.check_pruning.output,
        rules.collect_pruning.output,
        rules.plot_pruning.output,
