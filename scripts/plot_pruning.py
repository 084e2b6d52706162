"""Draw the figures of the pruning studies."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.figures import StyleSettings
    from koopflow.figures import pruning, pruning_lines, pruning_scores, style
    from koopflow.io.tables import read_csv

    style.use(StyleSettings.load(snakemake.params.style, "figures.style"))
    table = {name: read_csv(snakemake.input[name]) for name in ("accuracy", "overlap", "spectrum", "layers")}
    out = snakemake.output
    style.save(pruning_lines.accuracy(table["accuracy"]), out.accuracy[0])
    style.save(pruning_lines.accuracy(table["accuracy"], "accuracy_finetuned"), out.finetuned[0])
    style.save(pruning_lines.overlap(table["overlap"]), out.overlap[0])
    stages = snakemake.params.stages
    style.save(pruning_lines.convergence(table["overlap"], table["accuracy"], stages), out.convergence[0])
    style.save(pruning.eigenvalues(table["spectrum"]), out.eigenvalues[0])
    shown = table["layers"][table["layers"].method.isin(table["accuracy"].method.unique())]
    style.save(pruning.layers(shown), out.layers[0])
    if getattr(out, "scores", None):
        style.save(pruning_scores.matrix(table["overlap"]), out.scores[0])
