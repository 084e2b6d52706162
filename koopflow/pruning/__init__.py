"""Pruning by Koopman modes of training, beside magnitude, gradients and noise: scores, masks, studies."""
