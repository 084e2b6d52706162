"""Text of a user, made plain in the markup that shows it: reStructuredText, HTML, matplotlib.

A statement, a column of a CSV file or a layer of a network may hold anything. It is shown as it was
written, on one line.
"""

import html as _html
import re
import unicodedata

LONGEST = 1000
"""Longest text that is shown, in characters; the rest is cut off."""
BLOCK = re.compile(r"[!-/:-@\[-`{-~]|•|‣|⁃")
"""What may begin a block of reStructuredText: a list, a comment, a title, an option."""
ENUMERATION = re.compile(r"\(?(?:\d+|[A-Za-z]|[ivxlcdmIVXLCDM]+|#)(?=[.)](?:\s|$))")
"""What may begin a numbered list."""


def one_line(text: object, longest: int = LONGEST) -> str:
    """Return `text` on one line, without characters that cannot be printed.

    >>> one_line("a\\n\\n.. include:: b")
    'a .. include:: b'
    """
    spaced = "".join(" " if unicodedata.category(c) in ("Cc", "Zs", "Zl", "Zp") else c for c in str(text)[: 10 * longest])
    line = " ".join("".join(c for c in spaced if c.isprintable()).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def rst(text: object) -> str:
    """Return `text` as reStructuredText that reads as plain text, wherever it stands in a
    paragraph.

    >>> print(rst("a *b* `c <d>`_: e"))
    a \\*b\\* \\`c <d>\\`\\_: e
    """
    line = one_line(text)
    escaped = inline_rst(line)
    if BLOCK.match(line):
        return "\\ " + escaped  # this space is not shown
    if number := ENUMERATION.match(line):
        return escaped[: number.end()] + "\\" + escaped[number.end() :]
    return escaped


def inline_rst(text: object) -> str:
    """Return `text` as reStructuredText that reads as plain text inside a paragraph."""
    return re.sub(r"[\\*`_|@]|:(?=\S|$)", r"\\\g<0>", one_line(text))


def without_templates(text: str) -> str:
    """Return `text` so that Jinja, which Snakemake runs over captions, prints its braces.

    >>> without_templates("{{ 7*7 }}")
    "{{ '{' }}{{ '{' }} 7*7 }}"
    """
    return text.replace("{", "{{ '{' }}")


def unpatterned(text: str) -> str:
    """Return `text` with brackets for braces, which Snakemake reads as wildcards in a label."""
    return text.replace("{", "(").replace("}", ")")


def html(text: object) -> str:
    """Return `text` as HTML that reads as plain text, also inside an attribute.

    >>> html('<b title="a">')
    '&lt;b title=&quot;a&quot;&gt;'
    """
    return _html.escape(one_line(text))


def drawn(text: object, longest: int = 200) -> str:
    """Return `text` as matplotlib draws it literally: without mathematics between dollar signs, and
    named in a legend.

    >>> print(drawn("costs $5 to $7"))
    costs \\$5 to \\$7
    """
    line = one_line(text, longest).replace("$", r"\$")
    return f" {line}" if line.startswith("_") else line  # a legend leaves out what begins with an underscore
