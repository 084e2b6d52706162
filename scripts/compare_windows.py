"""Compare the spectra of windows along each training."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    import pandas as pd

    from koopflow.equivalence.windows import window_distances
    from koopflow.io.columns import WINDOW_DISTANCES, WINDOW_EIGENVALUES
    from koopflow.io.tables import read_csv, write_csv

    parts = [read_csv(path, WINDOW_EIGENVALUES, dtype={"run": str}) for path in snakemake.input.eigenvalues]
    eigenvalues = pd.concat(parts, ignore_index=True)
    distances = window_distances(eigenvalues)
    write_csv(eigenvalues, snakemake.output.eigenvalues, WINDOW_EIGENVALUES)
    write_csv(distances, snakemake.output.distances, WINDOW_DISTANCES)
