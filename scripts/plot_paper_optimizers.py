"""Draw Fig. 2 of arXiv 2302.09160: states, losses and spectra of three optimizers."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.figures import StyleSettings
    from koopflow.figures.papers import plot_figure_2
    from koopflow.figures.style import save, use
    from koopflow.io import npz
    from koopflow.io.tables import read_csv

    use(StyleSettings.load(snakemake.params.style, "figures.style"))
    runs = npz.load(snakemake.input.trajectories, "runs of optimizers", 1)
    save(plot_figure_2(runs, read_csv(snakemake.input.eigenvalues)), snakemake.output[0])
