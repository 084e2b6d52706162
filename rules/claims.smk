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


def tables_of_claims():
    """The tables that the stages of this workflow make, of those that claims read."""
    stages = [rule.name for rule in workflow.rules]
    made = {str(path) for name in stages for path in getattr(rules, name).output}
    return {table: path for table in CLAIM_TABLES for path in made if path.endswith(f"/{table}")}


def claims_of_run():
    """The claims, with `series: synthetic` or `real` replaced by the names of the run's series of that kind."""
    claims = {**config["claims"], "statements": {}}
    series = config.get("forecast", {}).get("series", {})
    real = {name for name, spec in series.items() if spec.get("source") in ("csv", "sunspots", "co2", "elnino")}
    kinds = {"real": sorted(real), "synthetic": sorted(set(series) - real)}
    for name, claim in config["claims"]["statements"].items():
        chosen = claim.get("series")
        known = {"series": kinds[chosen]} if isinstance(chosen, str) and chosen in kinds else {}
        claims["statements"][name] = {**claim, **known}
    return claims


rule judge_claims:
    input:
        tables=list(tables_of_claims().values()),
        code=library("judge_claims"),
    output:
        report(
            "<results>/claims.csv",
            caption="../report/claims_table.rst",
            category="Claims",
            labels={"what": "verdicts", "kind": "table"},
        ),
    log:
        "<logs>/judge_claims.log",
    benchmark:
        "<benchmarks>/judge_claims.tsv"
    conda:
        "../envs/claims.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        tables=list(tables_of_claims()),
        claims=claims_of_run(),
    script:
        "../scripts/judge_claims.py"


rule plot_claims:
    input:
        claims=rules.judge_claims.output[0],
        code=library("plot_claims"),
    output:
        report(
            figure("claims")[1],
            caption="../report/claims.rst",
            category="Claims",
            labels={"what": "statistic, interval, criterion", "kind": "figure"},
        ),
        pdf=figure("claims")[0],
    log:
        "<logs>/plot_claims.log",
    benchmark:
        "<benchmarks>/plot_claims.tsv"
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        style=config["figures"]["style"],
    script:
        "../scripts/plot_claims.py"


rule claims:
    input:
        rules.judge_claims.output,
        rules.plot_claims.output,
