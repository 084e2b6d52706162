"""Series to forecast: one registry, one function per source, and `load`, which puts a source's values on a regular grid."""

from koopflow.data.series.registry import SOURCES, Series, load, source

__all__ = ["SOURCES", "Series", "load", "source"]
