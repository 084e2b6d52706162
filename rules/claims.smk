# Which of the papers' claims does this run support? Verdicts are computed from the tables of all stages.
CLAIMS = PLANS["claims"]


rule judge_claims:
    input:
        tables=[f"<results>/{table}" for table in discovery.claimed_tables(STAGES)],
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
        **SMALL,
    params:
        tables=discovery.claimed_tables(STAGES),
        claims=CLAIMS.claims(),
    message:
        "Judging the claims from the tables of this run"
    script:
        "../scripts/judge_claims.py"


use rule plot as plot_claims with:
    input:
        claims=rules.judge_claims.output.table,
        code=library("plot_claims"),
    output:
        figure("claims"),
    log:
        "<logs>/plot_claims.log",
    benchmark:
        "<benchmarks>/plot_claims.tsv"
    params:
        script="plot_claims",
        style=SETTINGS.figures.style.dump(),
    message:
        "Drawing the page of claims"


rule claims:
    input:
        "<results>/checks/claims.json",
        rules.judge_claims.output,
        rules.plot_claims.output,
