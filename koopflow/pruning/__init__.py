"""Pruning by Koopman modes of training, beside magnitude and gradients: scores, masks, studies."""
