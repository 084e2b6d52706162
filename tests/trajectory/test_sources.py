"""States are found as tools leave them: files, shards, one folder per state, and nothing beside
them."""

import json

import pytest
import torch
from safetensors.torch import save_file

from koopflow.core.errors import KoopflowError
from koopflow.trajectory import Trajectory
from koopflow.trajectory.adapters.folders import convert_folder
from koopflow.trajectory.adapters.sources import sources_in


def state(number):
    return {"fc.weight": torch.full((2, 2), float(number)), "fc.bias": torch.rand(2)}


def trainer(folder, number):
    inner = folder / f"checkpoint-{100 * number}"
    inner.mkdir()
    save_file(state(number), inner / "model.safetensors")
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "rng_state_0.pth", "training_args.bin", "scaler.pt"):
        torch.save({"w": torch.rand(3)}, inner / name)
    (inner / "trainer_state.json").write_text(json.dumps({"global_step": 100 * number}))
    save_file(state(9), folder / "model.safetensors")
    torch.save({}, folder / "training_args.bin")


def sharded(folder, number):
    tensors = list(state(number).items())
    for shard, part in enumerate(tensors, 1):
        save_file(dict([part]), folder / f"step-{100 * number}-{shard:05d}-of-00002.safetensors")


def indexed(folder, number):
    inner = folder / f"checkpoint-{100 * number}"
    inner.mkdir()
    tensors = state(number)
    for shard, (name, tensor) in enumerate(tensors.items(), 1):
        torch.save({name: tensor}, inner / f"pytorch_model-{shard:05d}-of-00002.bin")
    index = {name: f"pytorch_model-{shard:05d}-of-00002.bin" for shard, name in enumerate(tensors, 1)}
    (inner / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": index}))


def flat(folder, number):
    save_file(state(number), folder / f"step-{100 * number}.safetensors", metadata={"format": "pt"})
    torch.save({}, folder / f"optimizer-{100 * number}.pt")


def metadata(folder, number):
    save_file(state(number), folder / f"loss-0.{9 - number}.safetensors", metadata={"global_step": str(100 * number)})


def tar(folder, number):
    torch.save({"state_dict": state(number), "epoch": 100 * number}, folder / f"net{number}.pth.tar")


def nested(folder, number):
    inner = folder / "run" / f"step_{100 * number}" / "weights"
    inner.mkdir(parents=True)
    torch.save(state(number), inner / "model.pt")


def open_lth(folder, number):
    main = folder / "replicate_1" / f"level_{100 * number}" / "main"
    main.mkdir(parents=True)
    torch.save(state(50), main / "model_ep0_it0.pth")
    torch.save(state(number), main / "model_ep160_it0.pth")
    torch.save({"fc.weight": torch.ones(2, 2, dtype=torch.int32)}, main / "mask.pth")


@pytest.mark.parametrize("write", [trainer, sharded, indexed, flat, metadata, tar, nested, open_lth])
def test_every_layout_is_the_same_trajectory(tmp_path, write):
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(3):
        write(folder, number)
    with Trajectory(convert_folder(folder, tmp_path / "t.h5")) as trajectory:
        assert trajectory.steps.tolist() == [0, 100, 200]
        assert sorted(parameter.name for parameter in trajectory.parameters) == ["fc.bias", "fc.weight"]
        assert [float(trajectory.state(at)["fc.weight"][0, 0]) for at in range(3)] == [0, 1, 2]


def test_a_missing_shard_and_a_bad_index_are_one_line(tmp_path):
    sharded(tmp_path, 1)
    (tmp_path / "step-100-00002-of-00002.safetensors").unlink()
    with pytest.raises(KoopflowError, match=r"step-100-00002-of-00002.safetensors: this shard is missing"):
        convert_folder(tmp_path, tmp_path / "t.h5")
    (tmp_path / "b").mkdir()
    indexed(tmp_path / "b", 1)
    (tmp_path / "b/checkpoint-100/pytorch_model.bin.index.json").write_text(
        '{"weight_map": {"a": "../../elsewhere.bin"}}'
    )
    with pytest.raises(KoopflowError, match=r"elsewhere.bin: this shard is missing"):
        convert_folder(tmp_path / "b", tmp_path / "t.h5")


def test_folders_without_states_and_files_of_two_kinds_are_one_line(tmp_path):
    (tmp_path / "logs").mkdir()
    with pytest.raises(KoopflowError, match=r"must hold files of one kind .*got none"):
        sources_in(tmp_path)
    for name in ("a1.pt", "a2.npy"):
        (tmp_path / name).touch()
    with pytest.raises(KoopflowError, match=r"must hold files of one kind .*got .npy, .pt"):
        sources_in(tmp_path)
