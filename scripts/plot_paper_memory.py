"""Draw the improvement by episodic memory by horizon, as the paper quotes it, and write its table."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.figures import StyleSettings
    from koopflow.figures.papers_memory import plot_improvement
    from koopflow.figures.style import save, use
    from koopflow.io.columns import FORECAST_SKILL, IMPROVEMENT
    from koopflow.io.tables import read_csv, write_csv
    from koopflow.papers.improvement import improvements
    from koopflow.papers.parts import Part

    use(StyleSettings.load(snakemake.params.style, "figures.style"))
    table = improvements(read_csv(snakemake.input.skill, FORECAST_SKILL, dtype={"series": str}))
    write_csv(table, snakemake.output.table, IMPROVEMENT)
    for part, path in zip(map(Part.load, snakemake.params.parts), snakemake.output.figures[::2]):
        save(plot_improvement(table, list(part.names)), path)
