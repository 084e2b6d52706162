"""Draw Fig. 5 of Identifying Equivalent Training Dynamics: grokking, and networks whose norm is held."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.figures import StyleSettings
    from koopflow.figures.papers_grokking import plot_figure_5
    from koopflow.figures.style import save, use
    from koopflow.io.columns import GROKKING_CURVES, GROKKING_EIGENVALUES
    from koopflow.io.tables import read_csv
    from koopflow.papers.parts import Part

    given = snakemake.params
    use(StyleSettings.load(given.style, "figures.style"))
    curves = read_csv(snakemake.input.curves, GROKKING_CURVES, dtype={"setting": str})
    eigenvalues = read_csv(snakemake.input.eigenvalues, GROKKING_EIGENVALUES, dtype={"setting": str})
    for part, path in zip(map(Part.load, given.parts), snakemake.output[::2]):
        names = part.names["grokking"], part.names["constrained"]
        save(plot_figure_5(curves, eigenvalues, *names, given.first_steps), path)
