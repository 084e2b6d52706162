"""Check that every claim names a measure, its options and a criterion, before anything is computed."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    import json
    from pathlib import Path

    from koopflow.claims.verdicts import check_claims
    from koopflow.config.claims import ClaimsSettings

    claims = ClaimsSettings.load(snakemake.params.claims, "claims")
    check_claims(claims)
    criteria = {name: {"above": claim.above, "below": claim.below} for name, claim in claims.statements.items()}
    Path(snakemake.output[0]).write_text(json.dumps(criteria, indent=2) + "\n", encoding="utf-8")
