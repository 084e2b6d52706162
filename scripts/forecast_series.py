"""Forecast one series, or all of one file, with every method, from every origin after its early
stretch."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    import json
    from pathlib import Path

    from koopflow.config.forecast import ForecastSettings
    from koopflow.config.series import SeriesSettings
    from koopflow.data.series.groups import load_group
    from koopflow.forecast.many import evaluate_each
    from koopflow.forecast.protocol import all_named
    from koopflow.io import npz
    from koopflow.io.columns import FORECAST_QUANTILES
    from koopflow.io.tables import write_csv, write_parquet

    name, spec = snakemake.wildcards.series, snakemake.params.spec
    study = ForecastSettings.load(snakemake.params.study, "forecast")
    found, series = evaluate_each(
        load_group(name, spec, snakemake.params.seed),
        SeriesSettings.load(spec, f"series.{name}"),
        all_named(study.methods, study.forecasters),
        coverage=study.coverage,
        estimates=study.estimates,
        quantiles=study.quantiles,
    )
    chosen = {name: value for name, value in found.choices.items() if name != "considered"}
    log.info("%s: %s", series.name, chosen)
    write_parquet(found.predictions, snakemake.output.predictions)
    write_parquet(found.recalled, snakemake.output.recalled)
    write_csv(found.future, snakemake.output.future, FORECAST_QUANTILES)
    windows = found.windows | {"values": series.values, "time": series.time, "observed": series.observed}
    windows |= {"later": series.later(found.choices["horizon"])}
    npz.save(snakemake.output.windows, "windows of a series", 1, windows, compress=True)
    Path(snakemake.output.choices).write_text(
        json.dumps(found.choices, indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )
