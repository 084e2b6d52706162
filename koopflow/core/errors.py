"""The error that users read."""


class KoopflowError(Exception):
    """An input is wrong or something outside failed; the message is one line that names it.

    A message names the key, file or column, says what was found, and what is accepted or how to go
    on. The programs print it without a traceback.
    """

    def __init__(self, message: str):
        super().__init__(" ".join(str(message).split()))
