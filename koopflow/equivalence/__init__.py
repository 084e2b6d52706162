"""Equivalence of training dynamics: do two optimizers or set-ups have the same spectra? (arXiv
2302.09160)"""
