"""Check every pruning study against its data and its network, before anything is trained."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    import json
    from pathlib import Path

    from koopflow.data.images import load
    from koopflow.pruning.study import check_study

    params, report = snakemake.params, {}
    for name, study in params.studies.items():
        images = load(params.data[study["data"]], data_root=params.data_root, seed=params.seed, named=params.data)
        check_study(name, study, params.methods, images)
        report[name] = "can be done"
    Path(snakemake.output[0]).write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", encoding="utf-8")
