"""Experts beside the Koopman models in the gate: regression, boosting and classical models."""
