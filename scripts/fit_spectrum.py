"""Fit a Koopman operator to one of the user's trajectories."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.io.tables import write_csv
    from koopflow.koopman.tables import RUN_COLUMNS, SPECTRUM_COLUMNS, trajectory_spectrum

    options = snakemake.params.options
    spectrum, runs = trajectory_spectrum(
        snakemake.wildcards.trajectory,
        snakemake.params.spec,
        snakemake.params.seed,
        options["draws"],
        options["level"],
        options["largest_residual"],
    )
    write_csv(spectrum, snakemake.output.spectrum, SPECTRUM_COLUMNS)
    write_csv(runs, snakemake.output.runs, RUN_COLUMNS)
