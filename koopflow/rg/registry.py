"""The names of couplings: what the renormalization group of pruning acts on."""

from koopflow.core.registry import Registry

COUPLINGS = Registry(
    "coupling",
    {
        "share": "koopflow.rg.couplings:share",
        "density": "koopflow.rg.couplings:density",
        "mean_magnitude": "koopflow.rg.couplings:mean_magnitude",
    },
)
"""A coupling is a function of `koopflow.rg.groups.Sums`; its result is float64 (replica, group)."""

GROUPINGS = ("layer", "block", "input_unit", "neuron")
"""How weights are gathered into groups, see `koopflow.rg.groups.group_sums`."""
