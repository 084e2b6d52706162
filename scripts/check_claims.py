"""See that every claim names a measure, its options and a criterion, before anything is computed."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    import json
    from pathlib import Path

    from koopflow.claims import check

    check(snakemake.params.claims)
    criteria = {
        name: {key: claim.get(key) for key in ("above", "below")} for name, claim in snakemake.params.claims["statements"].items()
    }
    Path(snakemake.output[0]).write_text(json.dumps(criteria, indent=2) + "\n", encoding="utf-8")
