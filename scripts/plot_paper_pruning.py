"""Draw Fig. 1 of arXiv 2110.14856: pre-trained networks, pruned by Koopman modes and by magnitude."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.figures import StyleSettings
    from koopflow.figures.papers_pruning import plot_figure_1
    from koopflow.figures.style import save, use
    from koopflow.io.columns import PRUNING_ACCURACY, PRUNING_OVERLAP
    from koopflow.io.tables import read_csv

    given = snakemake.input
    use(StyleSettings.load(snakemake.params.style, "figures.style"))
    accuracy = read_csv(given.accuracy, PRUNING_ACCURACY, dtype={"study": str, "method": str})
    overlap = read_csv(given.overlap, PRUNING_OVERLAP, dtype={"study": str, "method_a": str, "method_b": str})
    save(plot_figure_1(accuracy, overlap, snakemake.params.studies), snakemake.output.figure[0])
