# Which of the papers' claims does this run support? Verdicts are computed from the tables of all stages.
CLAIM_TABLES = (
    "equivalence/optimizers/distances.csv",
    "equivalence/training/distances.csv",
    "pruning/accuracy.csv",
    "pruning/overlap.csv",
    "pruning/spectrum.csv",
    "tickets/flow.csv",
    "tickets/exponents.csv",
    "tickets/composition.csv",
    "tickets/transfer.csv",
    "forecast/skill.csv",
)


rule check_claims:
    input:
        code=library("check_claims"),
    output:
        "<results>/checks/claims.json",
    log:
        "<logs>/check_claims.log",
    benchmark:
        "<benchmarks>/check_claims.tsv"
    priority: 100
    localrule: True
    conda:
        "../envs/claims.yaml"
    threads: EVERY_CORE
    resources:
        **estimates.asked(estimates.small()),
        turns=ALL_TURNS,
    params:
        claims=claims_of_run(),
    message:
        "Checking the claims and their criteria before anything is computed"
    script:
        "../scripts/check_claims.py"


rule judge_claims:
    input:
        checked=ancient(rules.check_claims.output[0]),
        tables=list(tables_of_claims().values()),
        code=library("judge_claims"),
    output:
        table="<results>/claims.csv",
        page="<results>/claims.rst",
    log:
        "<logs>/judge_claims.log",
    benchmark:
        "<benchmarks>/judge_claims.tsv"
    conda:
        "../envs/claims.yaml"
    threads: 1
    resources:
        **estimates.asked(estimates.small()),
    params:
        tables=list(tables_of_claims()),
        claims=claims_of_run(),
    message:
        "Judging the claims from the tables of this run"
    script:
        "../scripts/judge_claims.py"


rule plot_claims:
    input:
        claims=rules.judge_claims.output.table,
        code=library("plot_claims"),
    output:
        figure("claims"),
    log:
        "<logs>/plot_claims.log",
    benchmark:
        "<benchmarks>/plot_claims.tsv"
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        **estimates.asked(estimates.small()),
    params:
        style=config["figures"]["style"],
    message:
        "Drawing the page of claims"
    script:
        "../scripts/plot_claims.py"


rule claims:
    input:
        rules.judge_claims.output,
        rules.plot_claims.output,
