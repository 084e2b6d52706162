"""The checks of the stages' data, one module each: they load what the user named and see that it can be used, before anything is computed.

Each runs as the first job of its stage, in the environment of the stage, so it may import what that environment has.
"""
