# The report: all figures of the study with their captions.
REPORT_TABLES = discovery.tables_of(STAGES)


rule figures:
    input:
        [path for each in FIGURES.values() for path in figure(each.stem, each.of)],


rule write_tables:
    input:
        tables=[f"<results>/{table.source}" for table in REPORT_TABLES],
        code=library("write_tables", *{module_of(table.shown): None for table in REPORT_TABLES}),
    output:
        [in_report(f"<results>/tables/{table.caption}.html", table.caption) for table in REPORT_TABLES],
    log:
        "<logs>/write_tables.log",
    benchmark:
        "<benchmarks>/write_tables.tsv"
    conda:
        "../envs/figures.yaml"
    threads: 1
    resources:
        **estimates.asked(estimates.small(0.7, 150)),
    params:
        shown=[table.shown for table in REPORT_TABLES],
    message:
        "Writing the tables of the report"
    script:
        "../scripts/write_tables.py"


rule tables:
    input:
        rules.write_tables.output,


# Snakemake writes the report from its records of the finished run, so all other results must exist.
rule report:
    input:
        everything(),
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
        **estimates.asked(estimates.small(3, 250)),
    params:
        snakefile=os.path.relpath(workflow.main_snakefile),
        options=options_of_run(),
        values=config,
        captions=CONTENTS.texts,
    message:
        "Writing the report"
    script:
        "../scripts/write_report.py"
