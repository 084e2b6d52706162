"""Score the forecasts for every hub beside other teams' submissions."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    import pandas as pd

    from koopflow.config.hub import HubStudySettings
    from koopflow.data.hub.tables import read_hub
    from koopflow.forecast.hub.evaluation import scored
    from koopflow.io.columns import HUB_LEADERBOARD, HUB_PAIRS, HUB_QUANTILES, HUB_SEASONS
    from koopflow.io.tables import read_parquet, write_csv

    given, out = snakemake.params, snakemake.output
    settings = HubStudySettings.load(given.study, "hub")
    tables = []
    for place, name in enumerate(settings.hubs):
        data = read_hub(given.folders[name], name, f"hub.hubs.{name}.folder", settings.hubs[name].renamed)
        quantiles = read_parquet(snakemake.input.quantiles[place], HUB_QUANTILES)
        earlier = read_parquet(snakemake.input.earlier[place], HUB_QUANTILES)
        tables.append(scored(data, settings, quantiles, earlier, given.seed))
    boards, pairs, seasons = zip(*tables)
    write_csv(pd.concat(boards, ignore_index=True), out.leaderboard, HUB_LEADERBOARD)
    write_csv(pd.concat(pairs, ignore_index=True), out.pairs, HUB_PAIRS)
    write_csv(pd.concat(seasons, ignore_index=True), out.seasons, HUB_SEASONS)
