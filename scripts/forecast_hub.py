"""Forecast every reference date of one hub from its vintage, and write the files of the hubverse."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    from koopflow.config.hub import HubStudySettings
    from koopflow.data.hub.tables import read_hub
    from koopflow.forecast.hub.hubverse import write_files
    from koopflow.forecast.hub.run import forecast_dates, forecast_seasons
    from koopflow.io.tables import write_parquet

    name, given = snakemake.wildcards.hub, snakemake.params
    settings = HubStudySettings.load(given.study, "hub")
    hub = settings.hubs[name]
    data = read_hub(given.folder, name, f"hub.hubs.{name}.folder", hub.renamed)
    quantiles = forecast_dates(data, settings, given.seed, hub.maximum)
    written = write_files(quantiles, snakemake.output.files)
    log.info("%s: %d files in the hubverse format", name, len(written))
    write_parquet(quantiles, snakemake.output.quantiles)
    earlier = forecast_seasons(data, hub.backtest, settings, given.seed, hub.maximum) if hub.backtest else quantiles[:0]
    write_parquet(earlier, snakemake.output.earlier)
