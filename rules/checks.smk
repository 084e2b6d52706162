# The first job of each stage checks the user's files and functions, in the stage's environment, before any job computes.

# A check runs first and alone: it has the highest priority and takes every core. No job takes its output as input: as an ordinary input
# it would rerun the whole stage; as an `ancient` one it would hide the job's own reasons to rerun while it waits (Snakemake 9.27).
# After the checks the longest chain starts first, so that no core is idle at the end: tickets (60, then 50), pruning (40), forecasts (30),
# training and fits of the equivalence study (20, then 10), figures (0).
EVERY_CORE = workflow.resource_settings.cores or 1
# Must equal `turns` in profiles/slurm, where each job takes one. A check takes all of them, so that on a cluster no job computes before
# the checks have passed. Runs without that profile have no such limit.
ALL_TURNS = 1000
CHECKS = {name: stage.check for name, stage in STAGES.items() if stage.check}


rule check_stage:
    input:
        files=lambda wildcards: local(CHECKS[wildcards.stage].files(PLANS[wildcards.stage])),
        code=lambda wildcards: library("check_stage", module_of(CHECKS[wildcards.stage].function)),
    output:
        "<results>/checks/{stage}.json",
    log:
        "<logs>/check_{stage}.log",
    benchmark:
        "<benchmarks>/check_{stage}.tsv"
    wildcard_constraints:
        stage=one_of(CHECKS),
    priority: 100
    localrule: True
    conda:
        lambda wildcards: f"../envs/{CHECKS[wildcards.stage].environment(PLANS[wildcards.stage])}.yaml"
    threads: EVERY_CORE
    resources:
        **estimates.asked(lambda wildcards: CHECKS[wildcards.stage].estimate(PLANS[wildcards.stage])),
        turns=ALL_TURNS,
    params:
        function=lambda wildcards: CHECKS[wildcards.stage].function,
        settings=lambda wildcards: settings_of_check(wildcards.stage),
    message:
        "Checking the inputs of {wildcards.stage}"
    script:
        "../scripts/check_stage.py"
