"""The one kind of error a user is meant to read."""


class KoopflowError(Exception):
    """Something the user gave is wrong, or something outside failed; the message is one line that names it.

    A message says which key, file or column, what was found there and what is accepted. Scripts print it without a traceback.
    """

    def __init__(self, message: str):
        super().__init__(" ".join(str(message).split()))
