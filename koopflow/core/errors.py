"""The error type shown to users, and the exit status of a job that was asked to stop."""

TERMINATED = 143
"""Exit status after SIGTERM: 128 + 15."""


class KoopflowError(Exception):
    """Invalid input or an external failure, described in one line.

    A message names the key, file or column, the value found, and what is accepted or how to fix it.
    The commands print it without a traceback.
    """

    def __init__(self, message: str):
        super().__init__(" ".join(str(message).split()))


class UnfitError(KoopflowError):
    """Data that cannot be fitted because of their values, such as NaN.

    A study leaves them out by name and fits the others.
    """
