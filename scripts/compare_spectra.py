"""Compare the spectra of all trajectories: tables and figure."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from pathlib import Path

    import pandas as pd

    from koopflow.config.figures import StyleSettings
    from koopflow.config.spectra import SpectraSettings
    from koopflow.equivalence.spectra import comparison_table, spectra_of
    from koopflow.figures import style
    from koopflow.figures.spectra import plot_trajectories
    from koopflow.io.columns import SETUP_EIGENVALUES, TESTS, TRAJECTORY_DISTANCES, TRAJECTORY_EIGENVALUES
    from koopflow.io.tables import read_csv, write_csv
    from koopflow.koopman.tables import spectrum_distances

    spectra = pd.concat([read_csv(path, TRAJECTORY_EIGENVALUES) for path in snakemake.input.spectra], ignore_index=True)
    spectra["trajectory"] = spectra["trajectory"].astype(str)
    runs = pd.concat(
        [read_csv(path, SETUP_EIGENVALUES, dtype={"setting": str}) for path in snakemake.input.runs], ignore_index=True
    )
    given, options = snakemake.params, SpectraSettings.load(snakemake.params.options, "spectra")
    distances = spectrum_distances(spectra, given.seed, options.shuffles)
    counts = runs.groupby("setting", sort=False)["seed"].nunique()
    several = {"trajectories": list(counts.index[counts > 1])}
    tests = comparison_table(spectra_of(runs), several, options.significance, options.margin, given.seed)
    write_csv(spectra, snakemake.output.eigenvalues, TRAJECTORY_EIGENVALUES)
    write_csv(distances, snakemake.output.distances, TRAJECTORY_DISTANCES)
    write_csv(tests, snakemake.output.tests, TESTS)
    style.use(StyleSettings.load(given.style, "figures.style"))
    style.save(plot_trajectories(spectra, distances, tests), Path(snakemake.output.figure[0]).with_suffix(""))
