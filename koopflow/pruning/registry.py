"""The pruning scores that YAML may name, and where each is defined."""

from koopflow.core.registry import Registry

SCORES = Registry(
    "score",
    {
        "magnitude": "koopflow.pruning.scores:magnitude",
        "gradient": "koopflow.pruning.scores:gradient",
        "window_gradient": "koopflow.pruning.scores:window_gradient",
        "random": "koopflow.pruning.scores:random",
        "koopman_magnitude": "koopflow.pruning.scores:koopman_magnitude",
        "koopman_gradient": "koopflow.pruning.scores:koopman_gradient",
        "koopman_modes": "koopflow.pruning.scores:koopman_modes",
        "snip": "koopflow.pruning.known_scores:snip",
        "grasp": "koopflow.pruning.known_scores:grasp",
        "synflow": "koopflow.pruning.known_scores:synflow",
        "fisher": "koopflow.pruning.known_scores:fisher",
        "wanda": "koopflow.pruning.known_scores:wanda",
        "movement": "koopflow.pruning.known_scores:movement",
    },
)

UNRECORDED = frozenset({"magnitude", "gradient", "random", "snip", "grasp", "synflow", "fisher", "wanda"})
"""Scores that read the network at the moment of pruning alone, and so take no recorded window."""
