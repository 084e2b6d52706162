"""Training many networks as one: networks, optimizers, the ensemble trainer, checkpoints and
evaluation.

``koopflow.training.ensemble.train`` is the entry point; ``koopflow.training.evaluation`` scores
given weights.
"""
