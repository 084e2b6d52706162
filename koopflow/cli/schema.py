"""Writes the JSON schema of the configuration and the page of all its keys (`make schema`)."""

from pathlib import Path

import yaml

from koopflow.config.reference import page
from koopflow.config.schema import json_schema
from koopflow.io.atomic import atomic_write
from koopflow.studies.discovery import discover, settings_model
from koopflow.studies.known_names import KNOWN_NAMES

ROOT = Path(__file__).resolve().parents[2]
HEAD = """\
# The JSON schema of config.yaml, for editors and other tools. koopflow itself checks with the
# models in koopflow/config/. Written from them by `make schema`; do not edit.
"""


def written() -> dict[str, str]:
    """Return the text of each file by its path in the repository."""
    schema = json_schema(settings_model(discover()), KNOWN_NAMES)
    text = yaml.safe_dump(schema, sort_keys=False, width=120, allow_unicode=True, default_flow_style=None)
    return {"config/config.schema.yaml": HEAD + text, "docs/reference/configuration.md": page(schema)}


def main(words: list[str] | None = None) -> None:
    """Write the files."""
    for name, text in written().items():
        with atomic_write(ROOT / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
