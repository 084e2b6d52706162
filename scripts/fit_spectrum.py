"""Fit a Koopman operator to one of the user's trajectories."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.io.columns import SETUP_EIGENVALUES, TRAJECTORY_EIGENVALUES
    from koopflow.io.tables import write_csv
    from koopflow.koopman.tables import trajectory_spectrum

    options = snakemake.params.options
    spectrum, runs = trajectory_spectrum(
        snakemake.wildcards.trajectory,
        snakemake.params.spec,
        snakemake.params.seed,
        options["draws"],
        options["level"],
        options["largest_residual"],
    )
    write_csv(spectrum, snakemake.output.spectrum, TRAJECTORY_EIGENVALUES)
    write_csv(runs, snakemake.output.runs, SETUP_EIGENVALUES)
