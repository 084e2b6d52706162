"""Fit a Koopman operator to each seed of a set-up, or of several."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    from itertools import cycle, islice

    import pandas as pd
    from tqdm import tqdm

    from koopflow.config.equivalence import KoopmanSettings
    from koopflow.equivalence.fitting import exclusions, fit_part, loss_curve, seed_losses, write_operators
    from koopflow.io.columns import REPLICAS, SETUP_EIGENVALUES, SETUP_EXCLUSIONS, SETUP_LOSSES
    from koopflow.io.tables import read_csv, write_csv

    given, files, made = snakemake.params, snakemake.input, snakemake.output
    trained = zip(files.trajectories, files.replicas, cycle(given.parts))
    for place, (name, settings) in enumerate(given.koopman.items()):
        koopman = KoopmanSettings.load(settings, f"equivalence.training.setups.{name}.koopman")
        spectra, operators, losses, gone = [], {}, {}, []
        for path, table, (first, stop) in islice(trained, len(given.parts)):
            replicas = read_csv(table, REPLICAS, dtype={"replica": str})
            diverged = replicas["replica"][replicas["diverged_at"].notna()].tolist()
            gone.append(exclusions(name, replicas))
            seeds = range(first, stop)
            shown = tqdm(seeds, desc=f"fitting {name}", unit="seed", disable=None)
            options = (given.copies, diverged, koopman.delays, koopman.rank, given.largest)
            table, found = fit_part(path, name, shown, *options)
            spectra.append(table)
            operators |= found
            curves, steps = seed_losses(path, seeds, given.copies, diverged)
            losses |= curves
            log.info("%s: seeds %d to %d fitted, %d replicas left out", name, first, stop - 1, len(diverged))
        write_csv(pd.concat(spectra, ignore_index=True), made.eigenvalues[place], SETUP_EIGENVALUES)
        if made.operators:
            write_operators(operators, made.operators[place])
        gone = pd.concat(gone, ignore_index=True)
        write_csv(gone, made.exclusions[place], SETUP_EXCLUSIONS)
        write_csv(loss_curve(name, losses, steps, len(gone)), made.losses[place], SETUP_LOSSES)
