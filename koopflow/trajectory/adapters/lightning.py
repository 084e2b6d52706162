"""A Lightning callback that records a trajectory; needs `lightning` or `pytorch_lightning`.

>>> from koopflow.trajectory.adapters.lightning import RecordTrajectory     # doctest: +SKIP
>>> Trainer(callbacks=[RecordTrajectory("run.h5", every=10)])               # doctest: +SKIP
"""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.callbacks import Callback
else:
    try:
        from lightning.pytorch.callbacks import Callback
    except ImportError:
        from pytorch_lightning.callbacks import Callback

from koopflow.trajectory.recorder import TrajectoryRecorder


class RecordTrajectory(Callback):
    """Record after every optimizer step; only the first process writes.

    Step i is the i-th optimizer step counted from 0, also after ``fit(ckpt_path=...)``: the file is
    then continued, and states after the checkpoint's step are dropped.

    Parameters
    ----------
    path : path
    **options
        Options of `TrajectoryRecorder`.
    """

    def __init__(self, path: str | os.PathLike[str], **options: Any):
        self.path, self.options = path, options
        self.recorder: TrajectoryRecorder | None = None
        self._done = 0

    def on_train_start(self, trainer: "Trainer", pl_module: "LightningModule") -> None:
        """Open the file."""
        if trainer.is_global_zero:
            self._done = trainer.global_step
            resumed = {"resume": True, "resume_after": self._done - 1} if self._done else {}
            self.recorder = TrajectoryRecorder(pl_module, self.path, **{**resumed, **self.options})

    def on_train_batch_end(
        self, trainer: "Trainer", pl_module: "LightningModule", outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Capture, once per optimizer step: with gradient accumulation several batches make one
        step."""
        if self.recorder is not None and trainer.global_step != self._done:
            self._done = trainer.global_step
            self.recorder.step(outputs.get("loss") if isinstance(outputs, dict) else outputs, step=self._done - 1)

    def on_train_end(self, trainer: "Trainer", pl_module: "LightningModule") -> None:
        """Complete the file."""
        if self.recorder is not None:
            self.recorder.close()

    def on_exception(self, trainer: "Trainer", pl_module: "LightningModule", exception: BaseException) -> None:
        """Keep what was captured, as a partial file."""
        if self.recorder is not None:
            self.recorder.leave()
