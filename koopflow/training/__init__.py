"""Training many networks as one: networks, optimizers, the ensemble trainer, checkpoints and evaluation.

``koopflow.training.ensemble.train`` is the door; ``koopflow.training.evaluation`` scores weights that are already there.
"""
