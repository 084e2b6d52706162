"""Collect the spectra of all set-ups; compute distances and tests of the comparisons."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    import pandas as pd

    from koopflow.equivalence.tables import (
        all_distances,
        comparison_table,
        distance_table,
        mean_distances,
        spectra_of,
        without_spectra,
    )
    from koopflow.io.columns import (
        SETUP_DISTANCES,
        SETUP_EIGENVALUES,
        SETUP_EXCLUSIONS,
        SETUP_LOSSES,
        SETUP_MATRIX,
        TESTS,
    )
    from koopflow.io.tables import read_csv, write_csv

    given, out = snakemake.params, snakemake.output
    eigenvalues = pd.concat([read_csv(path) for path in snakemake.input.eigenvalues], ignore_index=True)
    losses = pd.concat([read_csv(path) for path in snakemake.input.losses], ignore_index=True)
    exclusions = pd.concat([read_csv(path) for path in snakemake.input.exclusions], ignore_index=True)
    spectra = spectra_of(eigenvalues)
    for comparison, absent in without_spectra(spectra, given.comparisons).items():
        log.warning("comparison %s leaves out %s: every replica diverged", comparison, ", ".join(absent))
    excluded = exclusions["setting"].value_counts().to_dict()
    found = all_distances(spectra)
    distances = distance_table(found, given.comparisons, given.shuffles, given.seed, excluded)
    tests = comparison_table(found, given.comparisons, given.significance, given.margin, given.seed, excluded)
    matrix = mean_distances(found).rename_axis("setting").reset_index()
    matrix["excluded"] = [excluded.get(name, 0) for name in matrix["setting"]]
    write_csv(eigenvalues, out.eigenvalues, SETUP_EIGENVALUES)
    write_csv(distances, out.distances, SETUP_DISTANCES)
    write_csv(tests, out.tests, TESTS)
    write_csv(exclusions, out.exclusions, SETUP_EXCLUSIONS)
    write_csv(matrix, out.matrix, SETUP_MATRIX)
    write_csv(losses, out.losses, SETUP_LOSSES)
