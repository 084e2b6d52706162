"""Draw Figs. 4 and S5 of Identifying Equivalent Training Dynamics: windows along one training."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.figures import StyleSettings
    from koopflow.figures.style import save, use
    from koopflow.figures.windows import first_epoch, plot_figure_4, plot_figure_s5
    from koopflow.io.columns import WINDOW_DISTANCES, WINDOW_EIGENVALUES
    from koopflow.io.tables import read_csv

    use(StyleSettings.load(snakemake.params.style, "figures.style"))
    eigenvalues = read_csv(snakemake.input.eigenvalues, WINDOW_EIGENVALUES, dtype={"run": str})
    distances = read_csv(snakemake.input.distances, WINDOW_DISTANCES, dtype={"run": str, "seed": str})
    epochs = {name: int(epoch) for name, epoch in snakemake.params.epochs.items()}
    early = first_epoch(distances, epochs, ("window_a", "window_b"))
    spectra = first_epoch(eigenvalues, epochs, ("window",))
    save(plot_figure_4(early, spectra, list(spectra["run"].unique())), snakemake.output.first[0])
    if snakemake.output.later:
        save(plot_figure_s5(distances, epochs), snakemake.output.later[0])
