"""The renormalization group of pruning: couplings, their flow over rounds, exponents and
universality (arXiv 2110.03210).
"""
