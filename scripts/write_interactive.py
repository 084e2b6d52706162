"""Write the interactive pages: eigenvalues, and episodes that forecasts recalled."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    from pathlib import Path

    from snakemake.assets import Assets

    from koopflow.cli import interactive, interactive_episodes
    from koopflow.config.figures import StyleSettings
    from koopflow.figures import style
    from koopflow.io.tables import read_csv

    style.use(StyleSettings.load(snakemake.params.style, "figures.style"))
    given, out = snakemake.input, snakemake.output
    scripts = [Assets.get_content(name) for name in interactive.SCRIPTS]
    tables = {menu: read_csv(path) for menu, path in zip(snakemake.params.menu, given.eigenvalues)}
    figure = interactive.eigenvalues({menu: table for menu, table in tables.items() if len(table)})
    Path(out.eigenvalues).write_text(interactive.page(*interactive.EIGENVALUES, figure, scripts), encoding="utf-8")
    files = zip(given.choices, given.windows, given.recalled)
    series = [found for each in files if (found := interactive_episodes.read_series(*each)) is not None]
    figure = interactive_episodes.episodes(series)
    Path(out.episodes).write_text(interactive.page(*interactive_episodes.EPISODES, figure, scripts), encoding="utf-8")
