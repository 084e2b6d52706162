"""Put all series' forecasts into one table and score them."""

from koopflow.job import job

with job(snakemake.log[0], threads=snakemake.threads):
    import json
    from pathlib import Path

    import pandas as pd

    from koopflow.forecast.skill import SKILL_COLUMNS, skill_table
    from koopflow.tables import write_csv

    predictions = pd.concat([pd.read_parquet(path) for path in snakemake.input.predictions], ignore_index=True)
    choices = [json.loads(Path(path).read_text(encoding="utf-8")) for path in snakemake.input.choices]
    scales = {name: each["mase_scale"] for name, each in zip(snakemake.params.series, choices)}
    skill = skill_table(predictions, scales, seed=snakemake.params.seed, draws=snakemake.params.draws)
    predictions.to_parquet(snakemake.output.predictions, index=False)
    write_csv(skill, snakemake.output.skill, SKILL_COLUMNS, sort=["series", "method", "horizon"])
