"""Draw Figs. 3 and S4 of arXiv 2302.09160: the dynamics of networks of several widths."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from itertools import combinations

    from koopflow.config.figures import StyleSettings
    from koopflow.figures.papers import plot_figure_3, plot_figure_s4
    from koopflow.figures.style import save, use
    from koopflow.io.columns import EXAMPLE_WEIGHTS
    from koopflow.io.tables import read_csv
    from koopflow.papers.measures import between, pairs_of, two_sample
    from koopflow.papers.parts import Part

    use(StyleSettings.load(snakemake.params.style, "figures.style"))
    given, out = snakemake.input, snakemake.output
    examples = read_csv(given.weights, EXAMPLE_WEIGHTS)
    eigenvalues, losses = read_csv(given.eigenvalues), read_csv(given.losses)
    all_distances, all_tests = read_csv(given.distances, dtype={"seed": str}), read_csv(given.tests)
    # Two files a figure: PDF and PNG.
    for part, three, four in zip(map(Part.load, snakemake.params.parts), out.three[::2], out.four[::2]):
        distances, tests = (table[table["comparison"] == part.within] for table in (all_distances, all_tests))
        weights = {}
        for width, name in part.names.items():
            of = examples[examples["setting"] == name]
            weights[width] = of.pivot(index="iteration", columns="weight", values="value").to_numpy()
        samples = {pair: between(distances, part, *pair) for pair in pairs_of(part)}
        p_values = {(a, b): two_sample(samples[a], samples[b]) for a, b in combinations(samples, 2)}
        size = int(part.settings["batch_size"])
        drawn = plot_figure_3(part.names, losses, weights, eigenvalues, distances, samples, tests, p_values, size)
        save(drawn, three)
        widest = list(part.names)[-1]
        save(plot_figure_s4(part.names[widest], widest, eigenvalues, distances), four)
