"""Winning tickets: chains of pruning rounds, their controls, transfer, and the flow of their couplings."""
