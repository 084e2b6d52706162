"""Winning tickets: chains of pruning rounds, controls, transfer, and the flow of couplings."""
