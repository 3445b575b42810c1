"""Pages as their elements, read with the parser of the standard library."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

from django.http import HttpResponseBase

VOID = {"br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
ADDRESSES = {"action", "background", "cite", "data", "formaction", "href", "ping", "poster", "src"}


@dataclass
class Element:
    """One element, with all the text and all the elements inside it."""

    tag: str
    attributes: dict[str, str | None]
    text: str = ""
    inside: list["Element"] = field(default_factory=list, repr=False)

    def __getitem__(self, name: str) -> str | None:
        return self.attributes[name]


class Page(HTMLParser):
    """The elements of a page, in the order of their start tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        self.elements.append(element)
        for parent in self._open:
            parent.inside.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Return the elements with this tag and these attributes (``class_`` for ``class``)."""
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}.items()
        return [e for e in self.elements if e.tag == tag and wanted <= e.attributes.items()]

    def one(self, tag: str, **attributes: str) -> Element:
        """Return the only such element."""
        [element] = self.all(tag, **attributes)
        return element

    @property
    def title(self) -> str:
        return " ".join(self.one("h1").text.split())

    @property
    def text(self) -> str:
        """The text a person reads, with single spaces."""
        return " ".join(self.one("body").text.split())

    @property
    def shape(self) -> list[tuple[str, list[str]]]:
        """Every element as its tag and the names of its attributes."""
        return [(element.tag, sorted(element.attributes)) for element in self.elements]

    @property
    def addresses(self) -> set[str]:
        """Everything a browser may load, open or submit to."""
        return {
            value
            for element in self.elements
            for name, value in element.attributes.items()
            if name in ADDRESSES and value is not None
        }


def parse(response: HttpResponseBase) -> Page:
    """Read the HTML of a response."""
    assert response["Content-Type"] == "text/html; charset=utf-8"
    return Page(response.content.decode())


def hidden_fields(response: HttpResponseBase) -> dict[str, str | None]:
    """Return what the first form of a page sends beside what a person fills in."""
    if not response["Content-Type"].startswith("text/html"):
        return {}
    form = Page(response.content.decode()).all("form")[:1]
    hidden = [field for element in form for field in element.inside if field.tag == "input"]
    return {field["name"]: field["value"] for field in hidden if field["type"] == "hidden"}
