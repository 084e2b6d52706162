"""Draw curves, spectra and predictions of the grokking study."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.figures import StyleSettings
    from koopflow.figures.grokking import plot_curves, plot_prediction, plot_spectra
    from koopflow.figures.style import save, use
    from koopflow.io.columns import (
        GROKKING_AREAS,
        GROKKING_CURVES,
        GROKKING_DISTANCES,
        GROKKING_EIGENVALUES,
        GROKKING_PREDICTION,
    )
    from koopflow.io.tables import read_csv

    given, tables = snakemake.params, snakemake.input
    use(StyleSettings.load(given.style, "figures.style"))
    curves = read_csv(tables.curves, GROKKING_CURVES, dtype={"setting": str})
    eigenvalues = read_csv(tables.eigenvalues, GROKKING_EIGENVALUES, dtype={"setting": str})
    distances = read_csv(tables.distances, GROKKING_DISTANCES, dtype={"a": str, "b": str, "seed": str})
    prediction = read_csv(tables.prediction, GROKKING_PREDICTION, dtype={"setting": str})
    areas = read_csv(tables.areas, GROKKING_AREAS)
    areas["against"] = areas["against"].fillna("")
    named = given.settings
    save(plot_curves(curves, named, given.first_steps), snakemake.output.curves[0])
    save(plot_spectra(eigenvalues, distances, named, given.pairs), snakemake.output.spectra[0])
    save(plot_prediction(prediction, areas), snakemake.output.prediction[0])
