"""The results as one web page: claims first, then every figure and table with its caption, and a
glossary. It needs no network; figures are linked from the folder of results."""

import base64
import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from docutils.core import publish_parts
from docutils.writers.html5_polyglot import Writer
from jinja2 import Environment
from jinja2.sandbox import SandboxedEnvironment

SAFE = {"raw_enabled": False, "file_insertion_enabled": False, "report_level": 5, "halt_level": 6}
"""Captions hold texts of users, so they may neither read files nor insert HTML."""
PICTURE = re.compile(r"!\[(.*?)\]\((.*?)\)")
"""A picture of Markdown: what it shows, and its file."""
VERDICTS = ("supported", "not supported", "inconclusive")


def html_of(text: str) -> str:
    """Return reStructuredText as HTML, after the template syntax that Snakemake's report renders."""
    rendered = SandboxedEnvironment().from_string(text).render()
    return str(publish_parts(rendered, writer=Writer(), settings_overrides=SAFE)["fragment"]).strip()


def captioned(text: str) -> tuple[str, str]:
    """Return the title of a caption as plain text, and all after it as HTML.

    >>> captioned("**Losses.** All *fall*.")
    ('Losses', '<p>All <em>fall</em>.</p>')
    """
    title, _, rest = text.partition("**")[2].partition("**")
    plain = re.sub(r"<[^>]+>", "", html_of(title)).strip().rstrip(".")
    return plain, html_of(rest.strip()) if rest.strip() else ""


def entries(text: str) -> list[tuple[str, str]]:
    """Return the headings of a Markdown text and the words below each, without pictures.

    >>> entries("# Glossary\\n\\n## Ticket\\n\\nA sparse\\nnetwork.\\n\\n![It](figures/ticket.png)\\n")
    [('Ticket', 'A sparse network.')]
    """
    parts = re.split(r"(?m)^## ", PICTURE.sub("", text))[1:]
    return [(word.strip(), " ".join(lines.split())) for word, _, lines in (part.partition("\n") for part in parts)]


def glossary(text: str, pictures: Mapping[str, bytes]) -> list[dict[str, str]]:
    """Return each word of a glossary in Markdown: word, line, and its picture as a data URL with
    what it shows; both empty without one.

    Parameters
    ----------
    text : str
        A heading, a paragraph and a picture for each word.
    pictures : mapping of str to bytes
        PNG files by name.
    """
    words = []
    for (word, line), part in zip(entries(text), re.split(r"(?m)^## ", text)[1:]):
        shown = PICTURE.search(part)
        content = pictures.get(shown[2].rpartition("/")[2], b"") if shown else b""
        url = f"data:image/png;base64,{base64.b64encode(content).decode()}" if content else ""
        words.append({"word": word, "line": line, "picture": url, "alt": shown[1] if shown and content else ""})
    return words


def claims(path: str | Path) -> list[dict[str, str]]:
    """Return the rows of the table of claims."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def papers(rows: Iterable[Mapping[str, str]], told: str) -> list[dict[str, Any]]:
    """Return each paper with its paragraph and the counts of its verdicts, in the order of the rows.

    Parameters
    ----------
    rows : iterable of mapping
        The table of claims.
    told : str
        Markdown with a heading "PAPER: TITLE" and a paragraph for each paper.
    """
    known = {}
    for heading, words in entries(told):
        name, _, title = heading.partition(": ")
        known[name] = (title, words)
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        head = re.sub(r" \(.*\)", "", row["paper"])
        title, words = known.get(head, (head, ""))
        counts = dict.fromkeys(VERDICTS, 0)
        paper = found.setdefault(head, {"name": head, "title": title, "words": words, "counts": counts})
        paper["counts"][row["verdict"]] += 1
    return list(found.values())


def sections(
    shown: Sequence[Mapping[str, Any]],
    captions: Mapping[str, str],
    results: Path,
    interactive: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Return the sections of the page: figures and tables that share a caption are one entry.

    Parameters
    ----------
    shown : sequence of mapping
        What the report shows, in reading order, as `koopflow.studies.report.Contents.shown` has it.
    captions : mapping of str to str
        Text of each caption.
    results : path
        The folder of results, where tables are read.
    interactive : mapping of str to str, optional
        The interactive figure that belongs to a caption.
    """
    found: dict[str, dict[str, Any]] = {}
    for each in shown:
        section = found.setdefault(each["section"], {"title": each["section"], "entries": {}})
        title, words = captioned(captions[each["caption"]])
        entry = section["entries"].setdefault(each["caption"], {"title": title, "words": words, "parts": []})
        entry["interactive"] = (interactive or {}).get(each["caption"], "")
        entry["parts"].append({"of": each["of"], "path": each["path"], "table": table_of(results / each["path"])})
    return [{**section, "entries": list(section["entries"].values())} for section in found.values()]


def table_of(path: Path) -> str:
    """Return the body of a table's page; empty for a figure."""
    if path.suffix != ".html":
        return ""
    return path.read_text(encoding="utf-8").partition("<body>")[2].partition("</body>")[0]


def page(template: str, content: Mapping[str, Any], configuration: Mapping[str, Any]) -> str:
    """Return the page from its Jinja template; texts are escaped unless the template says that they
    are HTML."""
    made = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(template)
    return made.render(**content, verdicts=VERDICTS, configuration=json.dumps(configuration, indent=2)) + "\n"
