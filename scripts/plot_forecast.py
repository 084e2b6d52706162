"""Draw the future, back-tests and recurrence of every series and errors by horizon; write tables of skill."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.figures import StyleSettings
    from koopflow.figures import forecast, futures, many_series, over_series, style
    from koopflow.io import npz
    from koopflow.io.tables import read_csv, read_parquet

    given, out, series = snakemake.input, snakemake.output, snakemake.params.series
    baselines = snakemake.params.baselines
    style.use(StyleSettings.load(snakemake.params.style, "figures.style"))
    skill, quantiles = (
        read_csv(given.skill, dtype={"series": str}),
        read_csv(given.future, dtype={"series": str, "origin": str}),
    )
    entries = {}
    for place, entry in enumerate(series):
        windows = npz.load(
            given.windows[place], "windows of a series", 1, ("values", "time", "later", "ends", "points")
        )
        choices, times = forecast.read_choices(given.choices[place]), (windows["time"], windows["later"])
        name, entries[entry] = choices.shown, list(choices.scales)
        predictions, recalled = (read_parquet(table[place]) for table in (given.predictions, given.recalled))
        if len(choices.scales) > 1:
            rows = [table[table["series"].isin(choices.scales)] for table in (quantiles, predictions, skill)]
            style.save(futures.several(*rows, choices, entry), out.future[2 * place])
            style.save(many_series.compared(rows[-1], entry), out.forecasts[2 * place])
            of_all = f"{entry}, 1 of {len(choices.scales)}: {name}"
        else:
            rows = [table[table["series"] == name] for table in (quantiles, skill)]
            drawn = futures.future(*rows, windows["values"], times, choices, baselines)
            style.save(drawn, out.future[2 * place])
            drawn = forecast.forecasts(predictions, recalled, windows["values"], times, choices)
            style.save(drawn, out.forecasts[2 * place])
            of_all = name
        drawn = forecast.recurrence(windows["ends"], windows["points"], of_all, windows["time"])
        style.save(drawn, out.recurrence[2 * place])
    means = many_series.summarized(skill, entries)
    style.save(forecast.errors(means, list(entries)), out.errors[0])
    style.save(forecast.skill_table(means), out.skill[0])
    style.save(forecast.skill_table(means, "naive"), out.naive[0])
    style.save(over_series.plot(skill, read_csv(given.over_series)), out.over_series[0])
