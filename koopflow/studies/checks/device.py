"""The part of a check that concerns the study's device."""

from collections.abc import Collection


def check_device(device: str, trained: Collection[str]) -> None:
    """Raise a KoopflowError if `device` is a GPU that this machine does not have and anything is `trained`.

    torch is imported only for a study that names a GPU.
    """
    if trained and device not in ("auto", "cpu"):
        from koopflow.training.device import require

        require(device)
