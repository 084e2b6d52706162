"""The papers, figure by figure: what was published, and what a run regenerates of it.

One YAML file per paper in ``published/`` lists its figures and tables with their numbers, settings
and sources (`koopflow.papers.inventory`). `koopflow.papers.measures` computes the same numbers from
a run's tables, and `koopflow.papers.page` sets them side by side.
"""
