"""The settings of a study without Snakemake: the default study with a few changes."""

from pathlib import Path
from typing import Any

import yaml

from koopflow.config.resolution import merge, resolve
from koopflow.config.study import Study
from koopflow.studies.discovery import discover, settings_model

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def resolved(overrides: dict[str, Any] | None = None) -> Study:
    """Return the settings of the default study with `overrides` merged over it."""
    given = overrides or {}
    return resolve(merge(DEFAULT, given), given, settings_model(discover()))
