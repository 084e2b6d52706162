# Every figure of the study, and the report that holds them with their captions.
def all_figures():
    """The figures that the stages ask for, as their targets name them."""
    stages = (rules.spectra, rules.equivalence, rules.pruning, rules.forecast, rules.tickets, rules.claims)
    return [path for stage in stages for path in stage.input if "/figures/" in str(path)]


def options_of_run():
    """The configuration of this run as options for the run that writes its report."""
    files = [str(path) for path in workflow.config_settings.configfiles]
    given = [str(word) for word in workflow.config_settings.config_args or []]
    return [*(["--configfile", *files] if files else []), *(["--config", *given] if given else [])]


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
