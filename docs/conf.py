"""How the documentation is built: `make docs`.

The pages are plain Markdown that also reads well where the code is hosted. The source directory is
therefore the whole repository, so that links between README and pages lead the same way in both
places, and what Sphinx needs beside it is added here when a page is read.
"""

import re
from pathlib import Path

from pygments.lexers.shell import BashLexer

import dbconnections

project = "dbconnections"
author = "the dbconnections authors"
version = release = dbconnections.__version__
language = "en"

extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["docs/**.md", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
exclude_patterns = [".*", "build", "dist", "dbconnections", "example_project", "tests", "var"]

# The anchors of headings are those of code-hosting sites.
myst_heading_anchors = 4

html_theme = "furo"
html_title = "dbconnections"
html_show_copyright = False
html_additional_pages = {"index": "start.html"}  # the first page is docs/index.html
templates_path = ["_templates"]

ROOT = Path(__file__).parents[1]
SECTION = re.compile(r"^## (.+)\n((?:(?!^## ).*\n?)*)", re.MULTILINE)
LINK = re.compile(r"\]\(([\w./-]+\.md)\)")


def sidebar(text: str) -> str:
    """Return the toctrees for the index: one for each section of it, one for all other pages.

    A page that the index does not name yet is therefore in the sidebar nonetheless.
    """
    trees = [(heading, LINK.findall(body)) for heading, body in SECTION.findall(text)]
    named = {(ROOT / "docs" / path).resolve() for _heading, paths in trees for path in paths}
    others = [
        str(path.relative_to(ROOT / "docs"))
        for path in sorted((ROOT / "docs").rglob("*.md"))
        if path not in named and path.name != "index.md"
    ]
    lines = []
    for heading, paths in [*trees, ("More", others)]:
        pages = [f"/docs/{path}" if ".." not in path else f"/{path[3:]}" for path in paths]
        if pages:
            lines += ["```{toctree}", ":hidden:", f":caption: {heading}", "", *pages, "```", ""]
    return "\n".join(lines)


def complete(app, docname, source):
    """Give Sphinx what plain Markdown lacks: a sidebar, and anchors it knows of."""
    # `<a id="x"></a>` is an anchor anywhere; MyST checks links to one only in its own form.
    source[0] = re.sub(r'^<a id="([\w-]+)"></a>$', r"(\1)=", source[0], flags=re.MULTILINE)
    if docname == root_doc:
        source[0] += "\n\n" + sidebar(source[0])


def setup(app):
    app.connect("source-read", complete)
    app.add_lexer("cron", BashLexer)  # Pygments has none
    return {"parallel_read_safe": True}
