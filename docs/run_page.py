"""The papers' page of a run, with its pictures, for `make docs`."""

import re
import shutil
from pathlib import Path

NONE = """# The page of a run

There is none in `results`. `snakemake papers` writes it, and the next `make docs` shows it here.
"""
PICTURE = re.compile(r"\]\(([^()\s]+\.png)\)")


def copy_page(results: Path, folder: Path) -> None:
    """Copy ``papers/index.md`` and the pictures that it names from the results into `folder`, which
    is emptied first. Without a page, one that says so takes its place."""
    shutil.rmtree(folder, ignore_errors=True)
    page = results / "papers" / "index.md"
    text = page.read_text(encoding="utf-8") if page.is_file() else NONE
    copies = {folder / "papers" / "index.md": text.encode()}
    for file in {page.parent.joinpath(link).resolve() for link in PICTURE.findall(text)}:
        if file.is_file() and file.is_relative_to(results.resolve()):
            copies[folder / file.relative_to(results.resolve())] = file.read_bytes()
    for copy, content in copies.items():
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
