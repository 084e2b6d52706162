"""Train the networks of one setting of the grokking study; record the first steps and curves of the whole."""

from koopflow.workflow.job import job

with job(snakemake.log[0], snakemake.threads, snakemake.params, snakemake.output) as log:
    from tqdm import tqdm

    from koopflow.config.data import DataSelection
    from koopflow.config.grokking import GrokkingSetup
    from koopflow.data.images.loading import load_selection
    from koopflow.io.columns import GROKKING_CURVES
    from koopflow.io.tables import write_csv
    from koopflow.training.capture import Capture
    from koopflow.training.checkpoint import Checkpoint
    from koopflow.training.curves import curve_table, train_held
    from koopflow.training.ensemble import Ensemble
    from koopflow.training.hooks import Progress

    given, name = snakemake.params, snakemake.wildcards.setting
    setup = GrokkingSetup.load(given.setup, f"grokking.settings.{name}")
    with tqdm(total=setup.steps, desc=f"training {name}", unit="step", disable=None) as bar:
        trained = train_held(
            setup,
            load_selection(DataSelection.load(given.data), given.seed),
            Ensemble(
                range(given.seeds), given.seed, ("grokking", name), setup.copies, setup.perturbation, shuffled=False
            ),
            given.measured,
            setup.held_norm,
            hooks=[
                Capture(snakemake.output.trajectories, given.observables, first=given.states[0], last=given.states[1]),
                Progress(lambda done, total: bar.update(done - bar.n)),
            ],
            checkpoint=Checkpoint(".checkpoints/grokking", every_steps=given.checkpoint_interval),
            device=given.device,
        )
    for network, step in trained.diverged.items():
        log.warning("%s: network %s diverged at step %d and is left out", name, network, step)
    write_csv(curve_table(name, trained), snakemake.output.curves, GROKKING_CURVES)
