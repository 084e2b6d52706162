"""Look at every set-up's data and network before any is trained."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output):
    import json
    from pathlib import Path

    from koopflow.config.equivalence import Setup
    from koopflow.data.images import load
    from koopflow.training.check import checked

    data, named, found = {}, snakemake.params.data, {}
    for name, given in snakemake.params.setups.items():
        setup = Setup.load(given, f"equivalence.training.setups.{name}")
        key = setup.data
        if key not in data:
            data[key] = load(named[key], data_root=snakemake.params.data_root, seed=snakemake.params.seed, named=named)
        found[name] = checked(f"equivalence.training.setups.{name}", setup, data[key], setup.koopman.observables)
    Path(snakemake.output[0]).write_text(json.dumps(found, indent=2) + "\n")
