"""Load every series and see that it can be forecast, before anything is computed."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    import json
    from pathlib import Path

    from koopflow.data.series.registry import load
    from koopflow.forecast.choices import check

    found = {}
    for name, spec in snakemake.params.series.items():
        series = load(name, spec, snakemake.params.seed)
        found[name] = {"samples": len(series.values), "period": series.period, "horizon": check(series, spec)}
    Path(snakemake.output[0]).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
