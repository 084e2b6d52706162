"""Look at the files of every trajectory before any is fitted."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    import json
    from pathlib import Path

    from koopflow.config.spectra import TrajectorySettings
    from koopflow.koopman.user_files import check

    trajectories = snakemake.params.trajectories
    for name, spec in trajectories.items():
        check(name, TrajectorySettings.load(spec, f"trajectories.{name}"))
    report = dict.fromkeys(trajectories, "can be fitted")
    Path(snakemake.output[0]).write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", encoding="utf-8")
