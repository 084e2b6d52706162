"""Makes jobs use the library of the checkout that runs them, even if another copy is installed."""

import os
from pathlib import Path


def prefer(root: Path) -> None:
    """Put `root` first on the PYTHONPATH of the processes that this one starts."""
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(root), *(path for path in others if path and path != str(root))])
