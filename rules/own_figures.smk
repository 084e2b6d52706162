# The user's own figures, drawn from the tables of all stages: the `own_figures:` block of the config.
OWN_FIGURES = PLANS["own_figures"]
checked(OWN_FIGURES.check_tables, tables_of_rules())


use rule plot as plot_own_figures with:
    input:
        tables=[f"<results>/{table}" for table in OWN_FIGURES.tables],
        own=local(OWN_FIGURES.code),
        code=library("plot_own_figures"),
    output:
        [file for name in OWN_FIGURES.figures for file in figure("own", name)],
    log:
        "<logs>/plot_own_figures.log",
    benchmark:
        "<benchmarks>/plot_own_figures.tsv"
    params:
        script="plot_own_figures",
        style=SETTINGS.figures.style.dump(),
        tables=OWN_FIGURES.tables,
        figures=OWN_FIGURES.plain(),
    message:
        "Drawing your own figures"


rule own_figures:
    input:
        ["<results>/checks/own_figures.json", *rules.plot_own_figures.output] if OWN_FIGURES.figures else [],
