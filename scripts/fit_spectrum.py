"""Fit a Koopman operator to one of the user's trajectories."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.spectra import SpectraSettings, TrajectorySettings
    from koopflow.io.columns import SETUP_EIGENVALUES, TRAJECTORY_EIGENVALUES
    from koopflow.io.tables import write_csv
    from koopflow.koopman.tables import trajectory_spectrum

    given, name = snakemake.params, snakemake.wildcards.trajectory
    settings = TrajectorySettings.load(given.spec, f"trajectories.{name}")
    spectrum, runs = trajectory_spectrum(name, settings, SpectraSettings.load(given.options, "spectra"), given.seed)
    write_csv(spectrum, snakemake.output.spectrum, TRAJECTORY_EIGENVALUES)
    write_csv(runs, snakemake.output.runs, SETUP_EIGENVALUES)
