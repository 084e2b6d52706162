"""Sphinx configuration of koopflow's documentation (`make docs`)."""

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]
os.environ.setdefault("MPLBACKEND", "agg")

from run_page import copy_page  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402

import koopflow  # noqa: E402

project = "koopflow"
author = "the koopflow authors"
version = release = koopflow.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["tutorials"]
templates_path = ["_templates"]
default_role = "literal"
suppress_warnings = [
    "config.cache",  # sphinx-gallery's settings hold objects that Sphinx cannot store
    "ref.python",  # a type such as Setup in a docstring names one of several classes
]

copy_page(ROOT / "results", ROOT / "docs" / "run")

myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings state types and shapes
autodoc_mock_imports = ["lightning", "pytorch_lightning", "transformers"]  # seconds to import, for two callbacks
autosummary_generate = True
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_ivar = True

# Each tutorial is a script: the site shows its code, what it prints and its figures, made again by
# every build.
sphinx_gallery_conf = {
    "examples_dirs": "tutorials",
    "gallery_dirs": "auto_tutorials",
    "filename_pattern": r"/[a-z_]+\.py",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 3600,
    "remove_config_comments": True,
}

html_theme = "furo"
html_title = "koopflow"
html_static_path: list[str] = []


def escape(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Keep ``|w|`` and ``(seed, *shape)`` in docstrings as they are written: in reST they are
    markup."""
    example = False
    for number, line in enumerate(lines):
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if not example:
            parts = re.split(r"(`+.*?`+)", line)
            parts[::2] = [re.sub(r"\||(?<=[ (])\*(?=\w+[,)])", r"\\\g<0>", part) for part in parts[::2]]
            lines[number] = "".join(parts)


FACE = {id(getattr(koopflow, name)) for name in koopflow.__all__}


def on_its_own_page(app: Sphinx, what: str, name: str, thing: object, skip: bool, options: object) -> bool | None:
    """Leave what `import koopflow` offers out of the pages of modules: it has pages of its own."""
    return True if what == "module" and id(thing) in FACE else None


def setup(app: Sphinx) -> None:
    """Connect this file's hooks."""
    app.connect("autodoc-process-docstring", escape)
    app.connect("autodoc-skip-member", on_its_own_page)
