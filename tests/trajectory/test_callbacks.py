"""The callbacks inside the trainers they are for: what is recorded are the weights after each
optimizer step."""

import warnings

import numpy as np
import pytest
import torch

from koopflow.trajectory import Trajectory

BATCHES, ACCUMULATED = 8, 2


def network():
    torch.manual_seed(0)
    return torch.nn.Linear(6, 3)


@pytest.fixture
def lightning():
    return pytest.importorskip("lightning.pytorch", reason="lightning is not installed (pip install .[callbacks])")


def train(lightning, optimizer_step, epochs=1, checkpoint=None) -> None:
    """Train a linear layer by Lightning, recorded to run.h5 and saved as run.ckpt, from
    `checkpoint` if given.

    `optimizer_step` is called with the weights after each step.
    """
    from koopflow.trajectory.adapters.lightning import RecordTrajectory

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = network()

        def training_step(self, batch, _):
            return self.net(batch[0]).square().mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

        def optimizer_step(self, *arguments, **options):
            super().optimizer_step(*arguments, **options)
            optimizer_step(self.net.weight.detach().numpy().copy())

    inputs = torch.utils.data.TensorDataset(torch.randn(BATCHES * 4, 6))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = lightning.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            accumulate_grad_batches=ACCUMULATED,
            callbacks=[RecordTrajectory("run.h5", parameters="*weight")],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(Module(), torch.utils.data.DataLoader(inputs, batch_size=4), ckpt_path=checkpoint)
        trainer.save_checkpoint("run.ckpt")


def test_lightnings_callback_records_each_optimizer_step(lightning, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    states = []
    train(lightning, states.append)
    with Trajectory("run.h5") as trajectory:
        assert [parameter.name for parameter in trajectory.parameters] == ["net.weight"]
        assert len(trajectory.steps) == BATCHES // ACCUMULATED == len(states)
        assert np.isfinite(trajectory.loss).all()
        for at, state in enumerate(states):
            assert np.array_equal(trajectory.state(at)["net.weight"], state)


def test_lightnings_callback_goes_on_from_the_step_of_a_resumed_run(lightning, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    states = []
    train(lightning, states.append)
    train(lightning, states.append, epochs=2, checkpoint="run.ckpt")
    with Trajectory("run.h5") as trajectory:
        assert trajectory.steps.tolist() == list(range(2 * BATCHES // ACCUMULATED))
        for at, state in enumerate(states):
            assert np.array_equal(trajectory.state(at)["net.weight"], state)


def test_what_lightnings_callback_saw_before_an_exception_is_kept(lightning, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    states = []

    def stop_at_the_third(state):
        if len(states) == 2:
            raise RuntimeError("the third step")
        states.append(state)

    with pytest.raises(RuntimeError, match="the third step"):
        train(lightning, stop_at_the_third)
    assert not (tmp_path / "run.h5").exists()
    with Trajectory("run.h5.partial") as trajectory:
        assert not trajectory.complete
        assert len(trajectory.steps) == 2
        for at, state in enumerate(states):
            assert np.array_equal(trajectory.state(at)["net.weight"], state)


def test_the_trainers_callback_records_each_optimizer_step(tmp_path, monkeypatch):
    transformers = pytest.importorskip(
        "transformers", reason="transformers is not installed (pip install .[callbacks])"
    )
    pytest.importorskip("accelerate", reason="accelerate is not installed (pip install .[callbacks])")
    from koopflow.trajectory.adapters.huggingface import RecordTrajectory

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = network()

        def forward(self, x, labels=None):
            out = self.net(x)
            return {"loss": (out - labels).square().mean(), "logits": out}

    states = []

    class Witness(transformers.TrainerCallback):
        def on_step_end(self, *_, model=None, **__):
            states.append(model.net.weight.detach().numpy().copy())

    monkeypatch.chdir(tmp_path)
    rows = [{"x": torch.randn(6), "labels": torch.zeros(3)} for _ in range(BATCHES * 4)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments = transformers.TrainingArguments(
            output_dir="out",
            per_device_train_batch_size=4,
            gradient_accumulation_steps=ACCUMULATED,
            num_train_epochs=1,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        callbacks = [RecordTrajectory("run.h5", parameters="*weight"), Witness()]
        transformers.Trainer(model=Model(), args=arguments, train_dataset=rows, callbacks=callbacks).train()
    with Trajectory("run.h5") as trajectory:
        assert list(trajectory.steps) == list(range(BATCHES // ACCUMULATED))
        for at, state in enumerate(states):
            assert np.array_equal(trajectory.state(at)["net.weight"], state)
