"""The code of a page of the documentation: each block names its file in its first line."""

import re
import shlex
from pathlib import Path
from typing import Any

import yaml

DOCS = Path(__file__).resolve().parents[2] / "docs"
EXTENDING = (DOCS / "extending.md").read_text(encoding="utf-8")


def files(page: str = EXTENDING) -> dict[str, str]:
    """Return the files of a page, by name; the YAML blocks of one file are merged."""
    found: dict[str, Any] = {}
    for name, text in re.findall(r"^```(?:python|yaml)\n# (\S+)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE):
        if name.endswith(".yaml"):
            merge(found.setdefault(name, {}), yaml.safe_load(text))
        else:
            assert name not in found, f"{name} is written twice"
            found[name] = text
    return {name: text if isinstance(text, str) else yaml.safe_dump(text) for name, text in found.items()}


def commands(page: str = EXTENDING) -> list[list[str]]:
    """Return the commands of a page, as words."""
    return [
        shlex.split(line)
        for block in re.findall(r"^```sh\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
        for line in block.splitlines()
    ]


def merge(into: dict[str, Any], block: dict[str, Any]) -> None:
    """Merge nested mappings."""
    for key, value in block.items():
        if isinstance(value, dict) and key in into:
            merge(into[key], value)
        else:
            into[key] = value
