"""Load every series and check that it can be forecast, and that every forecaster exists, before anything is computed."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    import json
    from pathlib import Path

    from koopflow.config.series import SeriesSettings
    from koopflow.data.series.registry import load
    from koopflow.forecast.choices import check

    found = {}
    for name, spec in snakemake.params.series.items():
        series = load(name, spec, snakemake.params.seed)
        horizon = check(series, SeriesSettings.load(spec, f"series.{name}"))
        found[name] = {"samples": len(series.values), "period": series.period, "horizon": horizon}
    Path(snakemake.output[0]).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
