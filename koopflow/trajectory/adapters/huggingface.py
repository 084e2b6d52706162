"""A callback for Hugging Face's Trainer that records a trajectory; needs `transformers`.

>>> from koopflow.trajectory.adapters.huggingface import RecordTrajectory   # doctest: +SKIP
>>> Trainer(..., callbacks=[RecordTrajectory("run.h5", every=10)])          # doctest: +SKIP
"""

import os
from typing import TYPE_CHECKING, Any

from torch import nn
from transformers import TrainerCallback

from koopflow.trajectory.recorder import TrajectoryRecorder

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments


class RecordTrajectory(TrainerCallback):
    """Record after every optimizer step; only the first process writes.

    Step i is the i-th optimizer step counted from 0, also after ``resume_from_checkpoint``: the
    file is then continued, and states after the checkpoint's step are dropped.

    Parameters
    ----------
    path : path
    **options
        Options of `TrajectoryRecorder`.
    """

    def __init__(self, path: str | os.PathLike[str], **options: Any):
        self.path, self.options = path, options
        self.recorder: TrajectoryRecorder | None = None

    def on_train_begin(
        self,
        args: "TrainingArguments",
        state: "TrainerState",
        control: "TrainerControl",
        model: nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        """Open the file."""
        if state.is_world_process_zero and model is not None:
            done = getattr(state, "global_step", 0)
            resumed = {"resume": True, "resume_after": done - 1} if done else {}
            self.recorder = TrajectoryRecorder(model, self.path, **{**resumed, **self.options})

    def on_step_end(
        self, args: "TrainingArguments", state: "TrainerState", control: "TrainerControl", **kwargs: Any
    ) -> None:
        """Capture; the Trainer calls this once per optimizer step and does not hand over the
        loss."""
        if self.recorder is not None:
            done = getattr(state, "global_step", 0)
            self.recorder.step(step=done - 1 if done else None)

    def on_train_end(
        self, args: "TrainingArguments", state: "TrainerState", control: "TrainerControl", **kwargs: Any
    ) -> None:
        """Complete the file."""
        if self.recorder is not None:
            self.recorder.close()
