"""Draw the figures of arXiv 2302.09160 and of Identifying Equivalent Training Dynamics that this study computes."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.figures import StyleSettings
    from koopflow.figures import papers, papers_grokking, windows
    from koopflow.figures.style import save, use
    from koopflow.io import columns, npz
    from koopflow.io.tables import read_csv
    from koopflow.papers.measures import samples_of
    from koopflow.papers.parts import Part

    given, tables, out = snakemake.params, snakemake.input, snakemake.output
    use(StyleSettings.load(given.style, "figures.style"))
    runs = npz.load(tables.trajectories, "runs of optimizers", 1)
    save(papers.plot_figure_2(runs, read_csv(tables.optimizers)), out.two[0])

    if given.widths:
        examples = read_csv(tables.weights, columns.EXAMPLE_WEIGHTS)
        eigenvalues, losses = read_csv(tables.eigenvalues), read_csv(tables.losses)
        all_distances, all_tests = read_csv(tables.distances, dtype={"seed": str}), read_csv(tables.tests)
    # Two files a figure: PDF and PNG.
    for part, three, four in zip(map(Part.load, given.widths), out.three[::2], out.four[::2]):
        distances, tests = (table[table["comparison"] == part.within] for table in (all_distances, all_tests))
        weights = papers.examples_by_width(examples, part.names)
        samples, p_values = samples_of(distances, part)
        size = int(part.settings["batch_size"])
        drawn = papers.plot_figure_3(
            part.names, losses, weights, eigenvalues, distances, samples, tests, p_values, size
        )
        save(drawn, three)
        widest = list(part.names)[-1]
        save(papers.plot_figure_s4(part.names[widest], widest, eigenvalues, distances), four)

    if out.windows:
        spectra = read_csv(tables.window_eigenvalues, columns.WINDOW_EIGENVALUES, dtype={"run": str})
        between = read_csv(tables.window_distances, columns.WINDOW_DISTANCES, dtype={"run": str, "seed": str})
        early = windows.first_epoch(between, given.epochs, ("window_a", "window_b"))
        spectra = windows.first_epoch(spectra, given.epochs, ("window",))
        save(windows.plot_figure_4(early, spectra, list(spectra["run"].unique())), out.windows[0])
        if out.later:
            save(windows.plot_figure_s5(between, given.epochs), out.later[0])

    if given.grokking:
        curves = read_csv(tables.curves, columns.GROKKING_CURVES, dtype={"setting": str})
        grokked = read_csv(tables.grokking, columns.GROKKING_EIGENVALUES, dtype={"setting": str})
    for part, path in zip(map(Part.load, given.grokking), out.grokking[::2]):
        names = part.names["grokking"], part.names["constrained"]
        how = {"first_state": int(part.settings["first_state"]), "copies": int(part.settings["pooled"])}
        states = tuple(int(part.settings[key]) for key in ("states", "constrained_states"))
        save(papers_grokking.plot_figure_5(curves, grokked, *names, given.first_steps, states=states, **how), path)
