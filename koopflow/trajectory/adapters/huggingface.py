"""A callback for Hugging Face's Trainer that records a trajectory. Importable where `transformers` is installed.

>>> from koopflow.trajectory.adapters.huggingface import RecordTrajectory          # doctest: +SKIP
>>> Trainer(..., callbacks=[RecordTrajectory("run.h5", every=10)])        # doctest: +SKIP
"""

from transformers import TrainerCallback

from koopflow.trajectory.recorder import TrajectoryRecorder


class RecordTrajectory(TrainerCallback):
    """Record after every optimizer step; the options are those of `TrajectoryRecorder`. Only the first process writes."""

    def __init__(self, path, **options):
        self.path, self.options, self.recorder = path, options, None

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        """Open the file."""
        if state.is_world_process_zero:
            self.recorder = TrajectoryRecorder(model, self.path, **self.options)

    def on_step_end(self, args, state, control, **kwargs):
        """Capture; the Trainer calls this once for each optimizer step, and keeps the loss to itself."""
        if self.recorder is not None:
            self.recorder.step()

    def on_train_end(self, args, state, control, **kwargs):
        """Complete the file."""
        if self.recorder is not None:
            self.recorder.close()
