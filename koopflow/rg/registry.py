"""Names of the couplings and groupings."""

from koopflow.core.registry import Registry

COUPLINGS = Registry(
    "coupling",
    {
        "share": "koopflow.rg.couplings:share",
        "density": "koopflow.rg.couplings:density",
        "mean_magnitude": "koopflow.rg.couplings:mean_magnitude",
    },
)
"""A coupling is a function of `koopflow.rg.groups.Sums` that returns float64 (replica, group)."""

GROUPINGS = ("layer", "block", "input_unit", "neuron")
"""Groupings of weights, see `koopflow.rg.groups.group_sums`."""
