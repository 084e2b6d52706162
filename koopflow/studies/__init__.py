"""The stages of a study, one file each: a `Stage` object holds what the workflow must know of a
stage.

A stage is added by writing new files only: ``koopflow/studies/NAME.py`` (its `Stage`),
``rules/NAME.smk`` (its rules), its scripts and its science. `koopflow.studies.discovery` finds it.
The Snakefile imports this package, so it imports nothing heavy.
"""
