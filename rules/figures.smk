# Every figure of the study, and the report that holds them with their captions.
rule figures:
    input:
        all_figures(),


# The tables of the report, by the names of their captions.
REPORT_TABLES = {
    "claims_table": "claims.csv",
    "equivalence_tests": "equivalence/training/tests.csv",
    "pruning_differences": "pruning/differences.csv",
    "pruning_best": "pruning/best.csv",
    "pruning_onset": "pruning/onset.csv",
    "pruning_predictors": "pruning/predictors.csv",
    "tickets_sigma": "tickets/exponents.csv",
    "tickets_observables": "tickets/universality.csv",
    "forecasts_table": "forecast/skill.csv",
}


rule write_tables:
    input:
        tables=[f"<results>/{source}" for source in REPORT_TABLES.values()],
        code=library("write_tables"),
    output:
        [in_report(f"<results>/tables/{name}.html", name) for name in REPORT_TABLES],
    log:
        "<logs>/write_tables.log",
    benchmark:
        "<benchmarks>/write_tables.tsv"
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        **estimates.asked(estimates.small()),
    params:
        names=list(REPORT_TABLES),
    message:
        "Writing the tables of the report"
    script:
        "../scripts/write_tables.py"


rule tables:
    input:
        rules.write_tables.output,


# A report is written by Snakemake itself, from its records of the finished run; everything else has to be there.
rule report:
    input:
        rules.spectra.input,
        rules.equivalence.input,
        rules.pruning.input,
        rules.forecast.input,
        rules.tickets.input,
        rules.claims.input,
        rules.tables.input,
        captions=sorted(os.path.relpath(path) for path in (ROOT / "report").iterdir()),
        code=library("write_report"),
    output:
        "<results>/report.html",
    log:
        "<logs>/write_report.log",
    benchmark:
        "<benchmarks>/write_report.tsv"
    localrule: True
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        **estimates.asked(estimates.small()),
    params:
        snakefile=os.path.relpath(workflow.main_snakefile),
        options=options_of_run(),
        values=config,
    message:
        "Writing the report"
    script:
        "../scripts/write_report.py"
