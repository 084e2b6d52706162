"""Compare the spectra of all trajectories: tables and figure."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from pathlib import Path

    from koopflow.config.figures import StyleSettings
    from koopflow.config.spectra import SpectraSettings
    from koopflow.core.errors import KoopflowError
    from koopflow.equivalence.ranks import ranked
    from koopflow.equivalence.sensitivity import rank_tests, with_sensitivity
    from koopflow.equivalence.tables import comparison_table
    from koopflow.equivalence.windows import window_distances
    from koopflow.figures import style
    from koopflow.figures.spectra import plot_trajectories
    from koopflow.figures.windows import plot_windows
    from koopflow.io.columns import (
        SETUP_EIGENVALUES,
        STABILITY,
        TESTS,
        TRAJECTORY_DISTANCES,
        TRAJECTORY_EIGENVALUES,
        TRAJECTORY_EXCLUSIONS,
        WINDOW_DISTANCES,
        WINDOW_EIGENVALUES,
    )
    from koopflow.io.tables import joined, write_csv
    from koopflow.koopman.tables import spectrum_distances

    spectra = joined(snakemake.input.spectra, TRAJECTORY_EIGENVALUES, "trajectory")
    runs = joined(snakemake.input.runs, SETUP_EIGENVALUES, "setting")
    exclusions = joined(snakemake.input.exclusions, TRAJECTORY_EXCLUSIONS, "trajectory")
    if spectra.empty:
        raise KoopflowError(f"no trajectory can be fitted: {exclusions['reason'].iloc[0]}")
    given, options = snakemake.params, SpectraSettings.load(snakemake.params.options, "spectra")
    found = ranked(runs, given.ranks, options.stability)
    asking = spectra["trajectory"].map(lambda name: isinstance(given.ranks[name], str))
    spectra = spectra[~asking | (spectra["rank"] == found.stable)].reset_index(drop=True)
    distances = spectrum_distances(spectra, given.seed, options.shuffles)
    counts = runs.groupby("setting", sort=False)["seed"].nunique()
    left_out = exclusions.dropna(subset="run")["trajectory"].value_counts().to_dict()
    several = {"trajectories": list(counts.index[counts > 1])}
    tests = comparison_table(found.distances(), several, options.significance, options.margin, given.seed, left_out)
    tests = with_sensitivity(tests, rank_tests(found, several, options.margin))
    write_csv(spectra, snakemake.output.eigenvalues, TRAJECTORY_EIGENVALUES)
    write_csv(distances, snakemake.output.distances, TRAJECTORY_DISTANCES)
    write_csv(tests, snakemake.output.tests, TESTS)
    write_csv(found.stability, snakemake.output.stability, STABILITY)
    write_csv(exclusions, snakemake.output.exclusions, TRAJECTORY_EXCLUSIONS)
    style.use(StyleSettings.load(given.style, "figures.style"))
    drawn = plot_trajectories(spectra, distances, tests, exclusions)
    style.save(drawn, Path(snakemake.output.figure[0]).with_suffix(""))
    windows = window_distances(joined(snakemake.input.windows, WINDOW_EIGENVALUES, "run"))
    write_csv(windows, snakemake.output.windows, WINDOW_DISTANCES)
    if snakemake.output.windows_figure:
        style.save(plot_windows(windows), snakemake.output.windows_figure[0])
