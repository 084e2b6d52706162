import numpy as np
import pytest

from koopflow.config.tickets import TicketJob
from koopflow.config.training import ModelSettings, OptimizerSettings
from koopflow.core.errors import KoopflowError
from koopflow.data.images import load
from koopflow.tickets import chain as chains
from koopflow.tickets import controls, elastic, imp, jobs, training, transfer
from koopflow.tickets.plan import ChainPlan


def network(depth=8, steps=12):
    model, optimizer = {"name": f"resnet{depth}", "width": 2}, {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9}
    return training.Setup(
        ModelSettings.load(model), OptimizerSettings.load(optimizer), batch_size=20, steps=steps, device="cpu"
    )


PLAN = ChainPlan("digits", seeds=2, rewind_step=4)


@pytest.fixture(scope="module")
def images():
    return load({"source": "digits", "train_size": 200, "test_size": 100})


@pytest.fixture(scope="module")
def short(images):
    return imp.run_chain(network(), images, PLAN, 3)


def test_a_residual_network_is_pruned_exactly_and_only_in_its_kernels(short):
    total = sum(mask[0].size for mask in short.masks[0].values())
    assert all(
        name.endswith(("conv.weight", "conv1.weight", "conv2.weight", "output.weight")) for name in short.masks[0]
    )
    for number, count in enumerate([total, total - round(0.2 * total)]):
        assert all(sum(int(mask[seed].sum()) for mask in short.masks[number].values()) == count for seed in range(2))
    assert "stages.0.0" in short.sums("block")[0]


def test_running_statistics_travel_with_the_ticket_and_through_its_file(short, tmp_path):
    assert any("running_mean" in name for name in short.rewind)
    chains.save_chain(short, tmp_path / "c.npz")
    again = chains.load_chain(tmp_path / "c.npz")
    assert list(again.rewind) == list(short.rewind)
    assert list(again.masks[0]) == list(short.masks[0])
    from safetensors.torch import load_file

    from koopflow.training.models.build import build

    ticket = load_file(chains.write_tickets(short, tmp_path, [1])[0])
    missing = build({"name": "resnet8", "width": 2}, (1, 8, 8), 10).load_state_dict(ticket, strict=False).missing_keys
    assert all(name.endswith("num_batches_tracked") for name in missing)


def test_own_tickets_give_the_chains_accuracy_again_whoever_is_beside(short, images):
    found = transfer.transfer_to(network(), images, short, {"self": short}, [1, 2])["self"]
    np.testing.assert_allclose(found, np.array(short.accuracy[1:]), atol=1e-9)
    assert controls.run_control(network(), images, short, [2], "one_shot").shape == (1, 2)


def test_a_longer_chain_starts_from_the_shorter_ones_file(short, images, tmp_path):
    chains.save_chain(short, tmp_path / "short.npz")
    longer = imp.run_chain(network(), images, PLAN, 4, previous=tmp_path / "short.npz")
    assert longer.rounds == 4
    np.testing.assert_array_equal(longer.masks[2]["conv.weight"], short.masks[2]["conv.weight"])


def test_tickets_stretch_between_depths_and_back(images):
    middle, deep = (imp.run_chain(network(depth), images, PLAN, 2) for depth in (14, 20))
    for source, target, depth in ((middle, deep, 20), (deep, middle, 14)):
        rows = elastic.transfer_depth(source, target, network(depth), images, [1])
        assert len(rows) == 2
        assert all(
            0 <= row[key] <= 1 for row in rows for key in ("density", "accuracy", "accuracy_own", "accuracy_random")
        )
        assert rows[0]["density"] == pytest.approx(0.8, abs=0.1)


def test_a_block_that_widens_cannot_be_repeated(short, images):
    deep = imp.run_chain(network(14), images, PLAN, 2)
    with pytest.raises(KoopflowError, match=r"stages.1.1.conv1.weight is \(4, 4, 3, 3\) but stages.1.0"):
        elastic.transfer_depth(short, deep, network(14), images, [1])


def test_an_image_folder_goes_the_way_of_the_papers_scale(tmp_path):
    from PIL import Image

    generator = np.random.default_rng(0)
    for part, count in (("train", 20), ("test", 8)):
        for label in ("cat", "dog", "emu"):
            folder = tmp_path / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                Image.fromarray(generator.integers(0, 256, (10, 12, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    images = load({"source": "image_folder", "path": str(tmp_path), "size": 8, "channels": 3})
    optimizer = {"name": "sgd", "learning_rate": 0.05, "schedule": {"name": "step", "milestones": [6], "factor": 0.1}}
    study = {"optimizer": optimizer, "batch_size": 20, "steps": 8, "seeds": 2, "fraction": 0.2, "scope": "global"}
    study = TicketJob.load({**study, "model": {"name": "resnet8", "width": 2}, "rewind_step": 2})
    chain = jobs.TaskJob("folder", images, study, checkpoints=tmp_path / "checkpoints").chain(3)
    assert chain.rounds == 3
    assert np.isfinite(chain.accuracy).all()
    assert chain.densities()[2] == pytest.approx(0.64, abs=0.01)
