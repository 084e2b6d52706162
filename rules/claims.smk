# Verdicts on the papers' claims, computed from the tables of all stages.
CLAIMS = PLANS["claims"]
UNDER_RESULTS = (f"{SETTINGS.results}/", "<results>/")
ASKED_FOR = [str(path) for each in workflow.rules if each.name in STAGES for path in each.input]
CLAIM_TABLES = CLAIMS.tables(
    discovery.claimed_tables(STAGES),
    [
        path.removeprefix(UNDER_RESULTS[0]).removeprefix(UNDER_RESULTS[1])
        for path in ASKED_FOR
        if path.startswith(UNDER_RESULTS) and path.endswith(".csv")
    ],
)


rule judge_claims:
    input:
        tables=[f"<results>/{table}" for table in CLAIM_TABLES],
        own=local(CLAIMS.code),
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
        tables=CLAIM_TABLES,
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
        "Drawing the claims"


rule claims:
    input:
        "<results>/checks/claims.json",
        checks_of({table.partition("/")[0] for table in CLAIM_TABLES}),
        rules.judge_claims.output,
        rules.plot_claims.output,
