"""A Lightning callback that records a trajectory. Importable where `lightning` (or `pytorch_lightning`) is installed.

>>> from koopflow.trajectory.adapters.lightning import RecordTrajectory            # doctest: +SKIP
>>> Trainer(callbacks=[RecordTrajectory("run.h5", every=10)])             # doctest: +SKIP
"""

try:
    from lightning.pytorch.callbacks import Callback
except ImportError:
    from pytorch_lightning.callbacks import Callback

from koopflow.trajectory.recorder import TrajectoryRecorder


class RecordTrajectory(Callback):
    """Record after every optimizer step; the options are those of `TrajectoryRecorder`. Only the first process writes."""

    def __init__(self, path, **options):
        self.path, self.options, self.recorder, self._seen = path, options, None, None

    def on_train_start(self, trainer, pl_module):
        """Open the file."""
        if trainer.is_global_zero:
            self.recorder, self._seen = TrajectoryRecorder(pl_module, self.path, **self.options), trainer.global_step

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        """Capture, once for each optimizer step (gradient accumulation makes several batches one step)."""
        if self.recorder is not None and trainer.global_step != self._seen:
            self._seen = trainer.global_step
            loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
            self.recorder.step(loss)

    def on_train_end(self, trainer, pl_module):
        """Complete the file."""
        if self.recorder is not None:
            self.recorder.close()

    def on_exception(self, trainer, pl_module, exception):
        """Keep what was captured, as a partial file."""
        if self.recorder is not None:
            self.recorder.flush()
