"""The predictors of transfer that YAML may name, and where each is defined."""

from koopflow.core.registry import Registry

PREDICTORS = Registry(
    "predictor of transfer",
    {
        "layer_exponents": "koopflow.tickets.predictors.of_rounds:layer_exponents",
        "mask_overlap": "koopflow.tickets.predictors.of_rounds:mask_overlap",
        "input_unit_couplings": "koopflow.tickets.predictors.of_rounds:input_unit_couplings",
        "neuron_couplings": "koopflow.tickets.predictors.of_rounds:neuron_couplings",
        "layer_couplings": "koopflow.tickets.predictors.of_rounds:layer_couplings",
        "untrained_probe": "koopflow.tickets.predictors.of_networks:untrained_probe",
        "ntk_alignment": "koopflow.tickets.predictors.of_networks:ntk_alignment",
        "snip": "koopflow.tickets.predictors.of_networks:snip",
        "grasp": "koopflow.tickets.predictors.of_networks:grasp",
        "loss_at_start": "koopflow.tickets.predictors.of_networks:loss_at_start",
        "accuracy_after_10_steps": "koopflow.tickets.predictors.early:accuracy_after_10_steps",
        "accuracy_after_20_steps": "koopflow.tickets.predictors.early:accuracy_after_20_steps",
        "pixel_statistics": "koopflow.tickets.predictors.of_images:pixel_statistics",
    },
)
"""A predictor is a function of `koopflow.tickets.predictors.declared.Candidates` that returns
float64 (row,): the larger, the more of a ticket's gain should transfer."""
