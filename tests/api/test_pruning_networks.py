"""`kf.prune` on the networks that people have: ResNets, tied Transformers, half precision."""

import copy

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

import koopflow as kf
from koopflow.core.errors import KoopflowError
from koopflow.pruning.weights import head_of, weights_of


class HeadFirst(nn.Module):
    """Its last layer is declared first and has no telling name."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(8, 3)
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.b = nn.Linear(4 * 16, 8)

    def forward(self, x):
        x = torch.relu(self.norm(self.conv(x))).flatten(1)
        return self.a(torch.relu(self.b(x)))


class TiedTransformer(nn.Module):
    """A language model whose output layer is its embedding; its forward pass cannot be traced."""

    def __init__(self, width=16, words=11):
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 2, 32, dropout=0.0, batch_first=True) for _ in range(2)
        )
        self.lm_head = nn.Linear(width, words, bias=False)
        self.lm_head.weight = self.embed.weight

    def forward(self, tokens):
        if tokens.max() > 10:
            raise ValueError("unknown token")
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        return self.lm_head(x)


def test_only_weights_of_convolutions_and_linear_layers_are_pruned_and_the_head_is_known_by_its_role():
    torch.manual_seed(0)
    mask = kf.prune(HeadFirst(), "magnitude", 4)
    assert mask.prunable == ("conv.weight", "b.weight")
    assert mask.density == pytest.approx(1 / 4, abs=1e-3)
    assert kf.prune(HeadFirst(), "magnitude", 4, exclude=[]).prunable == ("a.weight", "conv.weight", "b.weight")
    everything = kf.prune(HeadFirst(), "magnitude", 1, prunable="all", exclude="head")
    assert set(everything.prunable) == {"conv.weight", "conv.bias", "norm.weight", "norm.bias", "b.weight", "b.bias"}
    assert kf.prune(HeadFirst(), "magnitude", 1, prunable=["conv*"]).prunable == ("conv.weight", "conv.bias")


def test_a_resnet_of_torchvision_keeps_its_normalization_and_its_head():
    torch.manual_seed(0)
    model = torchvision.models.resnet18(num_classes=7)
    mask = kf.prune(model, score="magnitude", compression=16, scope="global", exclude=["head"])
    assert len(mask.prunable) == 20
    assert all("bn" not in name and not name.startswith("fc") for name in mask.prunable)
    assert mask.density == pytest.approx(1 / 16, abs=1e-6)
    assert mask.emptied() == []


def test_a_tied_weight_is_one_weight_and_stays_whole_as_the_head():
    torch.manual_seed(0)
    model = TiedTransformer()
    mask = kf.prune(model, "magnitude", 2)
    assert [name for name, _ in mask.parameters].count("embed.weight") == 1
    assert "lm_head.weight" not in dict(mask.parameters)
    assert mask["embed.weight"].all()
    assert mask.emptied() == []
    assert "blocks.0.self_attn.in_proj_weight" in mask.prunable
    mask.apply(model)
    assert model.lm_head.weight is model.embed.weight
    assert model(torch.zeros(2, 5, dtype=torch.long)).shape == (2, 5, 11)


def test_a_pruned_tied_weight_stays_tied_under_its_mask_and_after_it():
    torch.manual_seed(0)
    model = TiedTransformer()
    mask = kf.prune(model, "magnitude", 2, exclude=[])
    assert "embed.weight" in mask.prunable
    mask.apply(model)
    original = model.embed.parametrizations.weight.original
    assert model.lm_head.parametrizations.weight.original is original
    assert torch.equal(model.embed.weight == 0, model.lm_head.weight == 0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(torch.zeros(2, 5, dtype=torch.long)).square().mean().backward()
    optimizer.step()
    mask.remove(model)
    assert model.lm_head.weight is model.embed.weight
    assert (model.embed.weight.detach().numpy()[~mask["embed.weight"]] == 0).all()
    kept = torch.from_numpy(mask["embed.weight"].copy())
    assert (model.embed.weight[kept] != 0).all()


def test_excluded_names_may_be_any_of_a_tied_weight():
    assert "embed.weight" not in kf.prune(TiedTransformer(), "magnitude", 2, exclude=["lm_head"]).prunable


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_half(dtype):
    model = HeadFirst().to(dtype)
    mask = kf.prune(model, "magnitude", 4)
    mask.apply(model)
    assert model.b.weight.dtype == dtype
    assert np.array_equal(model.b.weight.detach().float().numpy() != 0, mask["b.weight"])
    mask.remove()
    assert {value.dtype for value in model.parameters()} == {dtype}


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
def test_pruned_weights_stay_zero_through_training_and_removal_makes_that_permanent(optimizer):
    torch.manual_seed(0)
    model = HeadFirst()
    step = optimizer(model.parameters(), lr=0.05, **({"momentum": 0.9} if optimizer is torch.optim.SGD else {}))
    mask = kf.prune(model, "magnitude", 4)
    x, y = torch.randn(20, 1, 4, 4), torch.randint(0, 3, (20,))
    before = [p.detach().clone() for p in model.parameters()]
    nn.functional.cross_entropy(model(x), y).backward()
    step.step()  # momentum of weights that are pruned afterwards
    mask.apply(model)
    for _ in range(3):
        step.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        step.step()
        assert (model.b.weight.detach().numpy()[~mask["b.weight"]] == 0).all()
    wanted = model(x)
    assert mask.remove() is None
    assert "b.weight" in dict(model.named_parameters())
    assert not any("parametrizations" in name for name, _ in model.named_parameters())
    assert torch.equal(model(x), wanted)
    assert any(not torch.equal(a, b) for a, b in zip(before, model.parameters()))


def test_a_second_mask_replaces_the_first_and_a_masked_network_is_pruned_again_from_what_it_computes_with():
    torch.manual_seed(0)
    model = HeadFirst()
    first = kf.prune(model, "magnitude", 2)
    first.apply(model)
    second = kf.prune(model, "magnitude", 8)
    assert not (second.kept & ~first.kept).any()
    second.apply(model)
    assert int((model.b.weight != 0).sum() + (model.conv.weight != 0).sum()) == 69
    assert len(model.b.parametrizations.weight) == 1


def test_a_masked_network_and_its_copy_do_not_touch_each_other():
    torch.manual_seed(0)
    model = HeadFirst().eval()
    mask = kf.prune(model, "magnitude", 2)
    mask.apply(model)
    other, x = copy.deepcopy(model), torch.randn(2, 1, 4, 4)
    wanted = model(x)
    mask.remove(other)
    assert torch.equal(model(x), wanted)
    assert torch.equal(other(x), wanted)
    third = copy.deepcopy(model)
    kf.prune(third, "magnitude", 2, prunable=["b.bias"], exclude=[]).apply(third)
    mask.shrink(model)
    assert torch.equal(model(x), wanted)
    assert not hasattr(other.b, "parametrizations")


def test_a_masked_network_with_its_recording_is_pruned_as_the_plain_one(tmp_path):
    torch.manual_seed(0)
    model = HeadFirst()
    mask = kf.prune(model, "random", 2)
    mask.apply(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    x, y = torch.randn(20, 1, 4, 4), torch.randint(0, 3, (20,))
    with kf.Recorder(model, tmp_path / "run.h5") as recorder:
        for _ in range(8):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
            recorder.step()
    recorded = kf.prune(model, "window_gradient", 8, recording=tmp_path / "run.h5")
    assert all(not (recorded[name] & ~mask[name]).any() for name in mask.prunable)


def test_emptied_tensors_are_named_in_a_warning():
    model = HeadFirst()
    with torch.no_grad():
        model.conv.weight.mul_(1e-6)
    with pytest.warns(UserWarning, match=r"nothing is left of conv\.weight"):
        kf.prune(model, "magnitude", 2)


def test_the_table_counts_what_the_mask_keeps(tmp_path):
    mask = kf.prune(HeadFirst(), "magnitude", 2)
    table = mask.table().set_index("layer")
    assert table.loc["a.weight", "density"] == 1
    assert table.loc[["conv.weight", "b.weight"], "kept"].sum() == round((36 + 512) / 2)
    mask.save(tmp_path / "mask.npz")
    assert np.array_equal(kf.Mask.load(tmp_path / "mask.npz").kept, mask.kept)


@pytest.mark.parametrize(
    ("build", "head"),
    [
        (lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.LogSoftmax(1)), ("2.weight", "2.bias")),
        (lambda: torchvision.models.vgg11(num_classes=3), ("classifier.6.weight", "classifier.6.bias")),
        (lambda: torchvision.models.densenet121(num_classes=3), ("classifier.weight", "classifier.bias")),
        (TiedTransformer, ("embed.weight",)),
        (HeadFirst, ("a.weight", "a.bias")),
    ],
)
def test_the_head_is_the_layer_whose_output_is_returned(build, head):
    with torch.device("meta"):
        model = build()
    assert head_of(model, weights_of(model)) == head


def test_a_network_without_values_is_refused():
    with pytest.raises(KoopflowError, match=r"prune: weight has no values; move the network off the device meta"):
        kf.prune(nn.Linear(3, 2, device="meta"), score="magnitude", compression=2)


class Conv1D(nn.Module):
    """A linear layer as GPT-2 of Hugging Face has it: the weight is transposed."""

    def __init__(self, outputs, inputs):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(inputs, outputs)), nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return x @ self.weight + self.bias


class AsHuggingFace(nn.Module):
    """A model that names its output layer by a method, and has modules called output inside."""

    def __init__(self):
        super().__init__()
        self.generator = nn.Linear(8, 5)
        self.embed = nn.Embedding(5, 8)
        self.layer = nn.ModuleDict({"output": Conv1D(8, 8)})

    def get_output_embeddings(self):
        return self.generator

    def forward(self, tokens):
        return {"logits": self.generator(self.layer["output"](self.embed(tokens)))} if len(tokens) else {}


def test_a_model_that_names_its_output_layer_is_believed():
    model = AsHuggingFace()
    mask = kf.prune(model, "magnitude", 2)
    assert mask.prunable == ("layer.output.weight",)
    mask.apply(model)
    assert kf.prune(model, "magnitude", 4).prunable == mask.prunable  # under a mask its class is another
    assert mask["generator.weight"].all()
    assert mask["embed.weight"].all()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.ReLU(), "the network has no parameters"),
        (nn.Sequential(nn.LazyLinear(3)), r"0\.weight has no values yet; call the network once"),
    ],
)
def test_networks_without_weights_are_refused(model, message):
    with pytest.raises(KoopflowError, match=message):
        kf.prune(model, "magnitude", 2)


def test_an_unknown_choice_of_tensors_is_refused():
    with pytest.raises(
        KoopflowError, match=r"prunable must be 'weights', 'all' or a list of name patterns \(got 'al'\)"
    ):
        kf.prune(HeadFirst(), "magnitude", 2, prunable="al")
