"""Names and texts as figures show them: literally, whatever they hold."""

from koopflow.core.labels import label as readable
from koopflow.core.markup import drawn

__all__ = ["drawn", "label"]


def label(name: object) -> str:
    """Return the readable form of `name`, for a title, a tick or a legend.

    >>> label("koopman_magnitude")
    'Koopman magnitude'
    """
    return drawn(readable(name))
