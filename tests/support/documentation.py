"""What the README and the pages in `docs/` hold: blocks of code, links, names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

PAGES = sorted(
    [
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    ]
)

_FENCE = re.compile(r"^(\s*)(```+)\s*([\w+-]*)")
_COMMENT = re.compile(r"^<!-- (.+?) -->$")
_ENDING = re.compile(r"^<!-- /(.+?) -->$")


@dataclass(frozen=True)
class Block:
    """Code on a page, fenced or indented."""

    page: Path
    line: int
    language: str
    """As the fence says; empty for indented code, which is shell or an answer."""

    code: str
    mark: str
    """The comment right above it, or around it as far as one that ends it; empty without."""

    def __str__(self) -> str:
        page = self.page.relative_to(ROOT) if self.page.is_relative_to(ROOT) else self.page
        return f"{page}:{self.line}"

    @property
    def name(self) -> str:
        """What the mark says after its first word."""
        return self.mark.partition(": ")[2]


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path) -> list[Block]:
    """Return all code of a page."""
    return list(_blocks(page, text_of(page).split("\n")))


def marked(page: str, mark: str) -> str:
    """Return the one block of a page in `docs/` that is marked so.

    `tests/test_docs.py` finds the calls of it by their text: both are to be given literally.
    """
    [code] = [block.code for block in blocks(ROOT / "docs" / page) if block.mark == mark]
    return code


def _blocks(page: Path, lines: list[str]) -> Iterator[Block]:
    around, above, number, in_list = "", "", 0, False
    while number < len(lines):
        line, start = lines[number], number + 1
        number += 1
        if fence := _FENCE.match(line):
            end = number
            while end < len(lines) and not lines[end].strip().startswith(fence[2]):
                end += 1
            code = "\n".join(text.removeprefix(fence[1]) for text in lines[number:end]) + "\n"
            yield Block(page, start, fence[3], code, above or around)
            number, above = end + 1, ""
        elif _ENDING.match(line):
            around = ""
        elif comment := _COMMENT.match(line):
            above = comment[1]
            ending = f"<!-- /{above.partition(':')[0]} -->"
            if ending in lines[number:]:
                around = above
        elif line.startswith("    ") and not in_list and not lines[start - 2].strip():
            end = number
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            code = "\n".join(text[4:] for text in lines[start - 1 : end]).rstrip() + "\n"
            yield Block(page, start, "", code, above or around)
            number, above = end, ""
        elif line.strip():
            above = ""
            in_list = bool(re.match(r"\s*([-*]|\d+\.) ", line)) or (in_list and line[0] == " ")


def with_part(text: str, name: str, part: str) -> str:
    """Return a page with another part between ``<!-- NAME: … -->`` and ``<!-- /NAME -->``."""
    around = re.compile(rf"(<!-- {name}: [^\n]* -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    text, number = around.subn(lambda found: f"{found[1]}{part}{found[2]}", text)
    assert number == 1, f"{number} places are marked {name!r}"
    return text


def prose(page: Path) -> str:
    """Return a page without its fenced code and comments, its lines joined within paragraphs."""
    text = re.sub(r"^\s*(```+).*?^\s*\1$", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


def code_spans(page: Path) -> set[str]:
    """Return everything that stands between backticks, its line breaks made spaces."""
    return {" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(page))}


def anchors(page: Path) -> set[str]:
    """Return the anchors that code-hosting sites give to a page's headings, and its own."""
    text = text_of(page)
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.M)
    return {slug(heading) for heading in headings} | set(re.findall(r'<a id="([^"]+)">', text))


def slug(heading: str) -> str:
    """Return a heading's anchor as code-hosting sites make it."""
    kept = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading))
    return kept.strip().lower().replace(" ", "-")


def links(page: Path) -> list[tuple[str, str]]:
    """Return the links and images that lead to a file of this repository, and their anchors."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    return [
        (path, anchor)
        for path, _hash, anchor in (link.partition("#") for link in found)
        if "://" not in path and not path.startswith("mailto:")
    ]
