"""What all tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout. Where CI runs it must be there; elsewhere its tests are skipped, loudly."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        message = f"real data are missing: {folder}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder
