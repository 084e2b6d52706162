"""Draw one series' forecasts and the recurrence of its spectra."""

from koopflow.job import job

with job(snakemake.log[0], threads=snakemake.threads):
    from koopflow import arrays
    from koopflow.figures import forecast, style
    from koopflow.tables import read_parquet

    style.use(snakemake.params.style)
    windows = arrays.load(snakemake.input.windows, "windows of a series", 1, ("values", "ends", "points"))
    choices = forecast.read_choices(snakemake.input.choices)
    predictions, recalled = read_parquet(snakemake.input.predictions), read_parquet(snakemake.input.recalled)
    style.save(forecast.forecasts(predictions, recalled, windows["values"], choices), snakemake.output.forecasts[0])
    style.save(
        forecast.recurrence(windows["ends"], windows["points"], snakemake.wildcards.series, choices["step"]),
        snakemake.output.recurrence[0],
    )
