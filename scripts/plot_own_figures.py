"""Draw the user's own figures."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.figures import StyleSettings
    from koopflow.config.own_figures import OwnFigure
    from koopflow.core.registry import imported
    from koopflow.figures.style import save, use
    from koopflow.io.tables import read_csv

    use(StyleSettings.load(snakemake.params.style, "figures.style"))
    tables = dict(zip(snakemake.params.tables, snakemake.input.tables))
    for place, (name, settings) in enumerate(snakemake.params.figures.items()):
        figure = OwnFigure.load(settings, f"own_figures.{name}")
        draw = imported(figure.draw, f"own_figures.{name}.draw", "figure")
        save(draw(*(read_csv(tables[table]) for table in figure.tables), **figure.options), snakemake.output[2 * place])
