"""The glossary: every word has one line and one picture, and every link to it finds its word."""

import importlib.util
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = {
    heading.lower().replace(" ", "-"): (line, picture)
    for heading, line, picture in re.findall(
        r"^## (.+)\n\n((?:.+\n)+)\n!\[.+\]\(figures/glossary/(\w+)\.png\)$",
        (ROOT / "docs/glossary.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
}


def pictures():
    spec = importlib.util.spec_from_file_location("pictures", ROOT / "docs/pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_heading_has_a_line_and_a_picture_of_its_own():
    headings = re.findall(r"^## ", (ROOT / "docs/glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(ENTRIES) == len(headings) >= 15
    shown = {picture for _, picture in ENTRIES.values()}
    assert shown == set(pictures().functions())
    assert shown == {file.stem for file in (ROOT / "docs/figures/glossary").iterdir()}, "run: python -m docs.pictures"


@pytest.mark.parametrize("word", ENTRIES)
def test_a_picture_is_drawn_without_a_warning(word):
    getattr(pictures(), ENTRIES[word][1])()
    assert plt.gcf().axes
    plt.gcf().canvas.draw()


@pytest.mark.parametrize("page", ["README.md", "docs/methods.md"])
def test_links_to_the_glossary_find_their_word(page):
    anchors = re.findall(r"glossary\.md#([\w-]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    assert len(anchors) >= 6
    assert set(anchors) <= set(ENTRIES)
