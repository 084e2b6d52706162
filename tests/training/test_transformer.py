"""The Transformer on modular addition: its function written out for one pair, and that it groks."""

import numpy as np
import pytest
import torch

from koopflow.core.errors import KoopflowError
from koopflow.data.images.loading import load
from koopflow.training.ensemble import Ensemble, Recipe, train
from koopflow.training.hooks import Evaluate
from koopflow.training.models.build import build

SMALL = {"name": "modular_transformer", "width": 8, "arguments": {"heads": 2, "hidden": 12}}


def test_its_output_is_the_written_out_function():
    torch.manual_seed(0)
    network = build(SMALL, (1, 2, 5), 5)
    images = torch.zeros(1, 1, 2, 5)
    images[0, 0, 0, 3] = images[0, 0, 1, 1] = 1.0
    weight = {name: value.detach().double().numpy() for name, value in network.state_dict().items()}
    tokens = np.stack([weight["embedding.weight"][:, token] for token in (3, 1, 5)]) + weight["position"]
    heads = []
    for part in (slice(0, 4), slice(4, 8)):
        query, key, value = (tokens @ weight[f"{name}.weight"].T[:, part] for name in ("query", "key", "value"))
        scores = np.exp(query[2] @ key.T / 2.0)  # "=" comes last, so that it sees every token
        heads.append(scores @ value / scores.sum())
    x = tokens[2] + weight["output.weight"] @ np.concatenate(heads)
    hidden = np.maximum(weight["mlp_in.weight"] @ x + weight["mlp_in.bias"], 0)
    x = x + weight["mlp_out.weight"] @ hidden + weight["mlp_out.bias"]
    np.testing.assert_allclose(network(images)[0].detach().numpy(), weight["unembedding.weight"] @ x, atol=1e-5)


def test_normalized_tokens_are_read_like_one_hot_ones():
    network = build(SMALL, (1, 2, 5), 5)
    images = torch.eye(5)[torch.tensor([[3, 1], [0, 4]])][:, None]
    assert torch.equal(network(images), network((images - 0.2) / 0.4))


@pytest.mark.parametrize(
    ("model", "shape", "line"),
    [
        (SMALL, (1, 8, 8), "images of 1×8×8 are too small for pairs of tokens"),
        ({**SMALL, "width": 9}, (1, 2, 5), r"width must be a multiple of heads, 2 \(got 9\)"),
    ],
)
def test_what_does_not_fit_is_one_line(model, shape, line):
    with pytest.raises(KoopflowError, match=line):
        build(model, shape, 5)


def test_with_weight_decay_it_memorizes_first_and_generalizes_later():
    """Seen on four networks: test accuracy about 0.6 when every training pair is known, above 0.9 after 600 to 800
    steps."""
    images = load({"source": "modular_addition", "prime": 31, "share": 0.65})
    optimizer = {"name": "adamw", "learning_rate": 0.003, "betas": [0.9, 0.98], "weight_decay": 1.0}
    model = {"name": "modular_transformer", "width": 64, "arguments": {"hidden": 256}}
    recipe = Recipe.of(model, optimizer, len(images.x_train), 800)
    trained = train(recipe, images, Ensemble([0], 0, ("grokking",)), hooks=[Evaluate([200])], device="cpu")
    assert trained.loss[0, 200] < 0.02
    assert trained.accuracy[200][0] < 0.75
    assert trained.accuracy[800][0] > 0.9


def test_equals_may_have_a_logit_and_the_published_scale():
    torch.manual_seed(0)
    plain, with_equals = (
        build({"name": "modular_transformer", "arguments": {"unembed_equals": each}}, (1, 2, 31), 31)
        for each in (False, True)
    )
    images = torch.eye(31)[torch.tensor([[3, 1]])][:, None]
    assert (plain(images).shape, with_equals(images).shape) == ((1, 31), (1, 32))
    spreads = [network.unembedding.weight.std().item() for network in (plain, with_equals)]
    assert spreads == pytest.approx([128**-0.5, 32**-0.5], rel=0.05)
