"""Draw the claims: statistic, interval, criterion and verdict of each."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.figures import StyleSettings
    from koopflow.figures.claims import plot
    from koopflow.figures.style import save, use
    from koopflow.io.tables import read_csv

    use(StyleSettings.load(snakemake.params.style, "figures.style"))
    save(plot(read_csv(snakemake.input.claims)), snakemake.output[0])
