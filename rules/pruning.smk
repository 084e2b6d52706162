# Pruning by Koopman modes beside the usual methods (arXiv 2110.14856): one job trains and prunes one network of a study.
from koopflow.config import merge

PRUNING = config["pruning"]
PRUNING_STUDIES = {name: merge(PRUNING["base"], study) for name, study in PRUNING["studies"].items()}
PRUNING_TABLES = ("accuracy", "overlap", "spectrum", "layers")
for name, study in PRUNING_STUDIES.items():
    if study["data"] not in config["data"]:
        sys.exit(
            f"koopflow: pruning.studies.{name}.data: {study['data']!r} is no data set here; known are {', '.join(config['data'])}"
        )


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
        **sizes.asked(sizes.small(mem_mb=sizes.TORCH_MB)),
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


rule run_pruning:
    input:
        code=library("run_pruning"),
    output:
        accuracy="<results>/pruning/networks/{study}/{seed}/accuracy.csv",
        overlap="<results>/pruning/networks/{study}/{seed}/overlap.csv",
        spectrum="<results>/pruning/networks/{study}/{seed}/spectrum.csv",
        layers="<results>/pruning/networks/{study}/{seed}/layers.csv",
        cost="<benchmarks>/pruning/{study}/{seed}/cost.csv",  # seconds differ from run to run, so they are no result
    log:
        "<logs>/run_pruning/{study}-{seed}.log",
    benchmark:
        "<benchmarks>/run_pruning/{study}-{seed}.tsv"
    wildcard_constraints:
        study="|".join(PRUNING_STUDIES) or "none",
        seed="[0-9]+",
    priority: 40
    conda:
        "../envs/pruning.yaml"
    threads: 1
    resources:
        **sizes.asked(size_of_pruning),
    params:
        study=lambda wildcards: PRUNING_STUDIES[wildcards.study],
        methods=PRUNING["methods"],
        data=lambda wildcards: data_of(PRUNING_STUDIES[wildcards.study]["data"]),
        seed=config["seed"],
    message:
        "Training and pruning network {wildcards.seed} of study {wildcards.study}"
    script:
        "../scripts/run_pruning.py"


rule collect_pruning:
    input:
        accuracy=pruned_networks("accuracy"),
        overlap=pruned_networks("overlap"),
        spectrum=pruned_networks("spectrum"),
        layers=pruned_networks("layers"),
        cost=pruned_networks("cost"),
        code=library("collect_pruning"),
    output:
        accuracy="<results>/pruning/accuracy.csv",
        overlap="<results>/pruning/overlap.csv",
        spectrum="<results>/pruning/spectrum.csv",
        layers="<results>/pruning/layers.csv",
        differences="<results>/pruning/differences.csv",
        best="<results>/pruning/best.csv",
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
        **sizes.asked(sizes.small()),
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
        **sizes.asked(sizes.small()),
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
