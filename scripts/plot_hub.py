"""Draw the leaderboard and the fan charts of every hub."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from koopflow.config.figures import StyleSettings
    from koopflow.config.hub import HubStudySettings
    from koopflow.data.hub.tables import read_hub
    from koopflow.figures import hub as draw
    from koopflow.figures.style import save, use
    from koopflow.io.tables import read_csv, read_parquet

    given, out = snakemake.params, snakemake.output
    use(StyleSettings.load(given.style, "figures.style"))
    settings = HubStudySettings.load(given.study, "hub")
    table = read_csv(snakemake.input.leaderboard)
    for place, name in enumerate(settings.hubs):
        board = table[table["hub"] == name]
        data = read_hub(given.folders[name], name)
        quantiles = read_parquet(snakemake.input.quantiles[place])
        reference = str(board["reference"].iloc[0])
        other = data.submissions[data.submissions["model"] == reference]
        first = f"{settings.team}-{next(iter(settings.models))}"
        save(draw.leaderboard(board, settings.team), out.leaderboards[2 * place])
        save(draw.fans(quantiles, data.truth, first, other, reference), out.fans[2 * place])
