"""Draw the distances between windows along each training."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.figures import StyleSettings
    from koopflow.figures.style import save, use
    from koopflow.figures.windows import plot_windows
    from koopflow.io.columns import WINDOW_DISTANCES
    from koopflow.io.tables import read_csv

    use(StyleSettings.load(snakemake.params.style, "figures.style"))
    save(
        plot_windows(read_csv(snakemake.input.distances, WINDOW_DISTANCES, dtype={"run": str, "seed": str})),
        snakemake.output.figure[0],
    )
