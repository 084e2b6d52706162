"""The checks of the stages' data, one module each: before anything is computed, they load the
user's data and check that it can be used.

Each runs as the first job of its stage, in that stage's environment, and may import what it holds.
"""
