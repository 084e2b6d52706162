# Every figure of the study, and the report that holds them with their captions.
rule figures:
    input:
        all_figures(),


# A report is written by Snakemake itself, from its records of the finished run; everything else has to be there.
rule report:
    input:
        rules.spectra.input,
        rules.equivalence.input,
        rules.pruning.input,
        rules.forecast.input,
        rules.tickets.input,
        rules.claims.input,
        captions=sorted(str(path) for path in Path(workflow.basedir, "report").iterdir()),
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
        mem_mb=1000,
        runtime=10,
    params:
        snakefile=str(workflow.main_snakefile),
        options=options_of_run(),
        values=config,
    message:
        "Writing the report"
    script:
        "../scripts/write_report.py"
