"""Draw one series' forecasts and the recurrence of its spectra."""

from koopflow.job import job

with job(snakemake.log[0], threads=snakemake.threads):
    import numpy as np
    import pandas as pd

    from koopflow.figures import forecast, style

    style.use(snakemake.params.style)
    windows = np.load(snakemake.input.windows, allow_pickle=False)
    choices = forecast.read_choices(snakemake.input.choices)
    predictions, recalled = pd.read_parquet(snakemake.input.predictions), pd.read_parquet(snakemake.input.recalled)
    style.save(forecast.forecasts(predictions, recalled, windows["values"], choices), snakemake.output.forecasts[0])
    style.save(
        forecast.recurrence(windows["ends"], windows["points"], snakemake.wildcards.series, choices["step"]),
        snakemake.output.recurrence[0],
    )
