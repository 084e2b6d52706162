"""Collect the spectra of all set-ups; choose their rank; compute distances and tests of the comparisons."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    import pandas as pd

    from koopflow.equivalence.fitting import read_operators
    from koopflow.equivalence.ranks import AS_GIVEN, ranked
    from koopflow.equivalence.sensitivity import (
        distance_tests,
        rank_distances,
        rank_tests,
        with_alternatives,
        with_sensitivity,
    )
    from koopflow.equivalence.tables import (
        comparison_table,
        distance_table,
        mean_distances,
        without_spectra,
    )
    from koopflow.io import columns
    from koopflow.io.tables import read_csv, write_csv

    given, out = snakemake.params, snakemake.output
    eigenvalues = pd.concat([read_csv(path) for path in snakemake.input.eigenvalues], ignore_index=True)
    losses = pd.concat([read_csv(path) for path in snakemake.input.losses], ignore_index=True)
    exclusions = pd.concat([read_csv(path) for path in snakemake.input.exclusions], ignore_index=True)
    operators = {name: read_operators(path) for name, path in zip(given.ranks, snakemake.input.operators)}
    found = ranked(eigenvalues, given.ranks, given.stability, given.distance, operators)
    if found.stable != AS_GIVEN:
        log.info("rank %d is the largest at which eigenvalues are stable over seeds", found.stable)
    spectra = found.spectra()
    for comparison, absent in without_spectra(spectra, given.comparisons).items():
        log.warning("comparison %s leaves out %s: every replica diverged", comparison, ", ".join(absent))
    excluded = exclusions["setting"].value_counts().to_dict()
    distances = found.distances(0, given.comparisons if given.distance == "dsa" else None)
    by_rank = rank_tests(found, given.comparisons, given.margin)
    by_distance = distance_tests(found, given.comparisons, given.margin)
    tests = comparison_table(distances, given.comparisons, given.significance, given.margin, given.seed, excluded)
    matrix = mean_distances(distances).rename_axis("setting").reset_index()
    matrix["excluded"] = [excluded.get(name, 0) for name in matrix["setting"]]
    apart = distance_table(distances, given.comparisons, given.shuffles, given.seed, excluded)
    write_csv(found.rows(), out.eigenvalues, columns.SETUP_EIGENVALUES)
    write_csv(apart, out.distances, columns.SETUP_DISTANCES)
    tests = with_alternatives(with_sensitivity(tests, by_rank), by_distance)
    write_csv(tests, out.tests, columns.TESTS)
    write_csv(by_distance, out.distance_tests, columns.DISTANCE_TESTS)
    write_csv(by_rank, out.rank_tests, columns.RANK_TESTS)
    write_csv(rank_distances(found, given.comparisons), out.rank_distances, columns.RANK_DISTANCES)
    write_csv(found.stability, out.stability, columns.STABILITY)
    write_csv(exclusions, out.exclusions, columns.SETUP_EXCLUSIONS)
    write_csv(matrix, out.matrix, columns.SETUP_MATRIX)
    write_csv(losses, out.losses, columns.SETUP_LOSSES)
