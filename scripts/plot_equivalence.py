"""Draw the spectra, distances and losses of all set-ups."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.figures import StyleSettings
    from koopflow.figures import equivalence as draw
    from koopflow.figures.ranks import plot_ranks
    from koopflow.figures.style import save, use
    from koopflow.io.tables import read_csv

    use(StyleSettings.load(snakemake.params.style, "figures.style"))
    given, out = snakemake.input, snakemake.output
    eigenvalues, tests, matrix = (
        read_csv(given.eigenvalues),
        read_csv(given.tests),
        read_csv(given.matrix).set_index("setting"),
    )
    matrix = matrix.drop(columns="excluded")
    comparisons = snakemake.params.comparisons or {"set-ups": list(matrix.index)}
    save(draw.plot_spectra(eigenvalues, comparisons), out.spectra[0])
    kind, seeds = snakemake.params.distance, int(eigenvalues.groupby("setting")["seed"].nunique().min())
    save(draw.plot_distances(read_csv(given.distances, dtype={"seed": str}), tests, kind), out.distances[0])
    save(draw.plot_distance_matrix(matrix, seeds, kind), out.matrix[0])
    ranks = plot_ranks(
        read_csv(given.rank_tests),
        read_csv(given.stability),
        comparisons,
        snakemake.params.margin,
        snakemake.params.share,
    )
    save(ranks, out.ranks[0])
    save(draw.plot_losses(read_csv(given.losses), comparisons), out.losses[0])
