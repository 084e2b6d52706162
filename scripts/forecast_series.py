"""Forecast one series with every method from every origin behind its early stretch."""

from koopflow.job import job

with job(snakemake.log[0], threads=snakemake.threads) as log:
    import json
    from pathlib import Path

    import numpy as np

    from koopflow.data.series import load
    from koopflow.forecast.evaluate import evaluate

    study, spec = snakemake.params.study, snakemake.params.spec
    series = load(snakemake.wildcards.series, spec, snakemake.params.seed)
    methods = study["methods"]
    predictions, recalled, choices, windows = evaluate(
        series, spec, methods, coverage=study["coverage"], estimates=study["estimates"], every=spec.get("every") or 1
    )
    log.info("%s: %s", series.name, choices)
    predictions.to_parquet(snakemake.output.predictions, index=False)
    recalled.to_parquet(snakemake.output.recalled, index=False)
    np.savez_compressed(snakemake.output.windows, values=series.values, time=series.time, observed=series.observed, **windows)
    Path(snakemake.output.choices).write_text(json.dumps(choices, indent=2, sort_keys=True) + "\n", encoding="utf-8")
