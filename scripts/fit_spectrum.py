"""Fit a Koopman operator to one of the user's trajectories."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    from koopflow.config.spectra import SpectraSettings, TrajectorySettings
    from koopflow.equivalence.recorded import recorded_spectra
    from koopflow.equivalence.windows import recorded_windows
    from koopflow.io.columns import SETUP_EIGENVALUES, TRAJECTORY_EIGENVALUES, TRAJECTORY_EXCLUSIONS, WINDOW_EIGENVALUES
    from koopflow.io.tables import write_csv

    given, name = snakemake.params, snakemake.wildcards.trajectory
    settings = TrajectorySettings.load(given.spec, f"trajectories.{name}")
    options = SpectraSettings.load(given.options, "spectra")
    spectrum, runs, exclusions = recorded_spectra(name, settings, options, given.seed)
    for reason in exclusions["reason"]:
        log.warning("left out: %s", reason)
    write_csv(spectrum, snakemake.output.spectrum, TRAJECTORY_EIGENVALUES)
    write_csv(runs, snakemake.output.runs, SETUP_EIGENVALUES)
    write_csv(exclusions, snakemake.output.exclusions, TRAJECTORY_EXCLUSIONS)
    write_csv(recorded_windows(name, settings), snakemake.output.windows, WINDOW_EIGENVALUES)
