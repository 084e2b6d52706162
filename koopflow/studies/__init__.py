"""The stages of a study, one file each: what the workflow must know of a stage stands in its `Stage` object.

A stage is added by writing new files only: ``koopflow/studies/NAME.py`` (its `Stage`), ``rules/NAME.smk`` (its rules), its scripts
and its science. `koopflow.studies.discovery` finds it. The Snakefile reads this room, so nothing heavy is imported here.
"""
