"""A small study of tickets over two networks, which tests change and check."""

import copy

from koopflow.config.resolution import merge

DATA = {"digits": {"source": "digits"}, "clusters": {"source": "gaussian_clusters", "like": "digits"}}
BASE = {
    "model": {"name": "mlp", "widths": [10]},
    "optimizer": {"name": "sgd", "learning_rate": 0.1},
    "batch_size": 20,
    "steps": 30,
    "seeds": 2,
    "rounds": 4,
    "rounds_per_job": None,
    "fraction": 0.2,
    "scope": "global",
    "grouping": "layer",
    "rewind_step": 0,
    "controls": {"rounds": [3]},
    "transfer": {"rounds": [9]},
    "composition": {"seeds": 0},
}
TICKETS = {
    "base": BASE,
    "studies": {
        "shallow": {"tasks": ["digits"], "model": {"name": "resnet14", "width": 2}},
        "deep": {"tasks": ["digits"], "model": {"name": "resnet20", "width": 2}},
    },
    "elastic": {"depths": {"studies": ["shallow", "deep"], "rounds": [2]}},
    "external": {},
}


def changed(**changes):
    """Return the study with these changes merged in."""
    return merge(copy.deepcopy(TICKETS), changes)
