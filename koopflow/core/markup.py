"""Escape user text so that reStructuredText, HTML and matplotlib show it literally.

Claim statements, CSV columns and layer names may contain any character. Each is shown as written,
on one line.
"""

import html as _html
import re
import unicodedata

LONGEST = 1000
"""Maximum length of a shown text, in characters; the rest is cut off."""
BLOCK = re.compile(r"[!-/:-@\[-`{-~]|•|‣|⁃")
"""Characters that can begin a reStructuredText block: a list, comment, title or option."""
ENUMERATION = re.compile(r"\(?(?:\d+|[A-Za-z]|[ivxlcdmIVXLCDM]+|#)(?=[.)](?:\s|$))")
"""Beginning of a numbered list item."""


def one_line(text: object, longest: int = LONGEST) -> str:
    """Return `text` on one line, without characters that cannot be printed.

    >>> one_line("a\\n\\n.. include:: b")
    'a .. include:: b'
    """
    spaced = "".join(
        " " if unicodedata.category(c) in ("Cc", "Zs", "Zl", "Zp") else c for c in str(text)[: 10 * longest]
    )
    line = " ".join("".join(c for c in spaced if c.isprintable()).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def rst(text: object) -> str:
    """Return `text` escaped for reStructuredText, anywhere in a paragraph.

    >>> print(rst("a *b* `c <d>`_: e"))
    a \\*b\\* \\`c <d>\\`\\_: e
    """
    line = one_line(text)
    escaped = inline_rst(line)
    if BLOCK.match(line):
        return "\\ " + escaped  # an escaped space is not rendered
    if number := ENUMERATION.match(line):
        return escaped[: number.end()] + "\\" + escaped[number.end() :]
    return escaped


def inline_rst(text: object) -> str:
    """Return `text` escaped for reStructuredText inside a paragraph, not at its start."""
    return re.sub(r"[\\*`_|@]|:(?=\S|$)", r"\\\g<0>", one_line(text))


def without_templates(text: str) -> str:
    """Return `text` with braces escaped for Jinja, which Snakemake runs over captions.

    >>> without_templates("{{ 7*7 }}")
    "{{ '{' }}{{ '{' }} 7*7 }}"
    """
    return text.replace("{", "{{ '{' }}")


def unpatterned(text: str) -> str:
    """Return `text` with braces replaced by brackets; Snakemake reads braces in a label as
    wildcards."""
    return text.replace("{", "(").replace("}", ")")


def html(text: object) -> str:
    """Return `text` escaped for HTML, including inside attributes.

    >>> html('<b title="a">')
    '&lt;b title=&quot;a&quot;&gt;'
    """
    return _html.escape(one_line(text))


def drawn(text: object, longest: int = 200) -> str:
    """Return `text` so that matplotlib draws it literally: dollar signs start no math, and legends
    keep it.

    >>> print(drawn("costs $5 to $7"))
    costs \\$5 to \\$7
    """
    line = one_line(text, longest).replace("$", r"\$")
    return f" {line}" if line.startswith("_") else line  # matplotlib omits legend labels that begin with an underscore
