# The report: all figures of the study with their captions.
REPORT_TABLES = discovery.tables_of(STAGES)


rule figures:
    input:
        checks_of(STAGES),
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
        checks_of({table.source.partition("/")[0] for table in REPORT_TABLES}),
        rules.write_tables.output,


INTERACTIVE = {
    "equivalence_spectra": "figures/interactive_eigenvalues.html",
    "optimizers_spectra": "figures/interactive_eigenvalues.html",
    "trajectories_spectra": "figures/interactive_eigenvalues.html",
    "forecast_series": "figures/interactive_episodes.html",
}


rule write_interactive:
    input:
        eigenvalues=[
            rules.compare_setups.output.eigenvalues,
            rules.run_optimizers.output.eigenvalues,
            *([rules.compare_spectra.output.eigenvalues] if SPECTRA.trajectories else []),
        ],
        recalled=rules.plot_forecast.input.recalled,
        windows=rules.plot_forecast.input.windows,
        choices=rules.plot_forecast.input.choices,
        code=library("write_interactive"),
    output:
        eigenvalues="<results>/figures/interactive_eigenvalues.html",
        episodes="<results>/figures/interactive_episodes.html",
    log:
        "<logs>/write_interactive.log",
    benchmark:
        "<benchmarks>/write_interactive.tsv"
    conda:
        "../envs/interactive.yaml"
    threads: 1
    resources:
        **estimates.asked(estimates.small(3, 300)),
    params:
        style=SETTINGS.figures.style.dump(),
        menu=["training set-ups", "optimizers", "trajectories of one's own"],
    message:
        "Writing the interactive figures"
    script:
        "../scripts/write_interactive.py"


# One page of all results that can be read and searched without Snakemake; figures are linked, so that it is made in a second.
rule write_site:
    input:
        shown=[f"<results>/{each['path']}" for each in CONTENTS.shown],
        claims="<results>/claims.csv",
        interactive=rules.write_interactive.output,
        captions=caption_files(),
        glossary=[local(os.path.relpath(path)) for path in [ROOT / "docs/glossary.md"] if path.is_file()],
        pictures=[local(os.path.relpath(path)) for path in sorted((ROOT / "docs/figures/glossary").glob("*.png"))],
        code=library("write_site"),
    output:
        "<results>/site/index.html",
    log:
        "<logs>/write_site.log",
    benchmark:
        "<benchmarks>/write_site.tsv"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        **estimates.asked(estimates.small(1, 150)),
    params:
        shown=CONTENTS.shown,
        interactive=INTERACTIVE,
        captions=CONTENTS.texts,
        command=report_command(options_of_run()),
        values=config,
    message:
        "Writing the page of results"
    script:
        "../scripts/write_site.py"


# Snakemake writes the report from its records of the finished run, so all other results must exist.
rule report:
    input:
        everything(),
        captions=caption_files(),
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
