"""Fit a Koopman operator to the first steps of every network of the grokking study, and predict which will grok."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    import pandas as pd

    from koopflow.equivalence.grokking import Observation, distances, eigenvalues, rank_distances
    from koopflow.equivalence.prediction import areas, prediction, predictors
    from koopflow.io.columns import (
        GROKKING_AREAS,
        GROKKING_CURVES,
        GROKKING_DISTANCES,
        GROKKING_EIGENVALUES,
        GROKKING_PREDICTION,
        GROKKING_RANK_DISTANCES,
    )
    from koopflow.io.tables import read_csv, write_csv

    given, out = snakemake.params, snakemake.output
    pairs = [tuple(pair) for pair in given.pairs]
    curves, spectra = [], []
    for name, path, table in zip(given.numbers, snakemake.input.trajectories, snakemake.input.curves):
        of = read_csv(table, GROKKING_CURVES, dtype={"setting": str})
        diverged = sorted(of.loc[of["train_loss"].isna(), "seed"].unique())
        curves.append(of)
        paired = name in sum(pairs, ())
        copies, centred = given.pooled[name]
        how = Observation(given.directions, given.delays, given.rank, centred)
        spectra.append(eigenvalues(path, name, diverged, how, copies, paired))
    curves, at_ranks = (pd.concat(parts, ignore_index=True) for parts in (curves, spectra))
    spectra = at_ranks[at_ranks["rank"] == given.rank]
    known = predictors(
        spectra, curves, given.numbers, given.predictors, given.threshold, given.first_steps, given.delay
    )
    log.info("%d of %d networks with a known outcome grok", int(known.groks.sum()), len(known.groks))
    write_csv(curves, out.curves, GROKKING_CURVES)
    write_csv(spectra, out.eigenvalues, GROKKING_EIGENVALUES)
    write_csv(distances(spectra, pairs), out.distances, GROKKING_DISTANCES)
    write_csv(rank_distances(at_ranks, given.rank, pairs), out.rank_distances, GROKKING_RANK_DISTANCES)
    write_csv(prediction(known), out.prediction, GROKKING_PREDICTION)
    write_csv(areas(known, given.level), out.areas, GROKKING_AREAS)
