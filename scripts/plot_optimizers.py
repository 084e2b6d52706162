"""Draw the optimizer problem: trajectories and losses, spectra."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.figures import StyleSettings
    from koopflow.figures.equivalence import plot_optimizer_runs, plot_optimizer_spectra
    from koopflow.figures.style import save, use
    from koopflow.io import npz
    from koopflow.io.tables import read_csv

    use(StyleSettings.load(snakemake.params.style, "figures.style"))
    runs = npz.load(snakemake.input.trajectories, "runs of optimizers", 1)
    save(plot_optimizer_runs(runs), snakemake.output.runs[0])
    figure = plot_optimizer_spectra(read_csv(snakemake.input.eigenvalues), read_csv(snakemake.input.distances))
    save(figure, snakemake.output.spectra[0])
