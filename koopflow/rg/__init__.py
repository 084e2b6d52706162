"""The renormalization group of pruning (arXiv 2110.03210): couplings, flows, exponents,
universality.
"""
