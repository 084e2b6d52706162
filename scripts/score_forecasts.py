"""Join the forecasts of all series into one table and score them."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    import json
    from pathlib import Path

    import pandas as pd

    from koopflow.forecast.evaluate import apart
    from koopflow.forecast.over_series import over_series
    from koopflow.forecast.skill import skill_table
    from koopflow.io.columns import (
        FORECAST_LEFT_OUT,
        FORECAST_OVER_SERIES,
        FORECAST_PREDICTIONS,
        FORECAST_QUANTILES,
        FORECAST_SKILL,
    )
    from koopflow.io.tables import joined, read_parquet, write_csv, write_parquet

    predictions = pd.concat(
        [read_parquet(path, FORECAST_PREDICTIONS) for path in snakemake.input.predictions], ignore_index=True
    )
    if snakemake.output.get("quantiles"):
        predictions, quantiles = apart(predictions)
        write_parquet(quantiles, snakemake.output.quantiles)
    choices = [json.loads(Path(path).read_text(encoding="utf-8")) for path in snakemake.input.choices]
    scales = {name: scale for each in choices for name, scale in each["scales"].items()}
    skill = skill_table(predictions, scales, seed=snakemake.params.seed, draws=snakemake.params.draws)
    # series of one file count as one, of the kind of their entry
    entries = zip(snakemake.params.series, choices)
    kinds = {name: snakemake.params.kinds[entry] for entry, each in entries for name in each["scales"]}
    skill = skill.join(pd.DataFrame(kinds).T, on="series")
    write_parquet(predictions, snakemake.output.predictions)
    write_csv(skill, snakemake.output.skill, FORECAST_SKILL, sort=["series", "method", "horizon"])
    future = joined(snakemake.input.future, FORECAST_QUANTILES, "series")
    write_csv(future, snakemake.output.future, FORECAST_QUANTILES)
    write_csv(over_series(skill), snakemake.output.over_series, FORECAST_OVER_SERIES)
    reasons = zip(snakemake.params.series, (each["left_out"] for each in choices))
    rows = [(entry, name, reason) for entry, own in reasons for name, reason in own.items()]
    left_out = pd.DataFrame(rows, columns=list(FORECAST_LEFT_OUT))
    write_csv(left_out, snakemake.output.left_out, FORECAST_LEFT_OUT)
