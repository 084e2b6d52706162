"""Put the spectra of all trajectories side by side: tables and the figure."""

from koopflow.job import job

with job(snakemake.log[0], threads=snakemake.threads):
    from pathlib import Path

    import pandas as pd

    from koopflow.figures import style
    from koopflow.figures.spectra import plot_trajectories
    from koopflow.koopman.tables import DISTANCE_COLUMNS, SPECTRUM_COLUMNS, spectrum_distances
    from koopflow.tables import read_csv, write_csv

    spectra = pd.concat([read_csv(path, SPECTRUM_COLUMNS) for path in snakemake.input.spectra], ignore_index=True)
    spectra["trajectory"] = spectra["trajectory"].astype(str)
    distances = spectrum_distances(spectra, snakemake.params.seed, snakemake.params.shuffles)
    write_csv(spectra, snakemake.output.eigenvalues, SPECTRUM_COLUMNS)
    write_csv(distances, snakemake.output.distances, DISTANCE_COLUMNS)
    style.use(snakemake.params.style)
    style.save(plot_trajectories(spectra, distances), Path(snakemake.output.figure[0]).with_suffix(""))
