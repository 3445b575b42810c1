"""axe-core, which finds what keeps people with disabilities out of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sdk.packages import directory_of, install

if TYPE_CHECKING:
    from playwright.sync_api import Page

REQUIREMENT = "axe-core@4"

# All of WCAG 2.2 up to AA that a program can judge, and what else axe's authors advise.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

RUN = """async tags => {
    const { violations, passes } = await axe.run({ runOnly: { type: "tag", values: tags } });
    const found = violations.map(({ id, help, nodes }) => [id, help, nodes.map(node => node.html)]);
    return { found, passed: passes.map(({ id }) => id) };
}"""


def source() -> str:
    """Return axe's script, installed if it is not there yet."""
    install([REQUIREMENT], [])
    path = directory_of(REQUIREMENT) / "node_modules" / "axe-core" / "axe.min.js"
    return path.read_text()


def violations(page: Page, axe: str) -> list[Any]:
    """Return what axe finds: for each rule its name, its sentence and the elements."""
    # Run by the debugger, not loaded by the page, whose policy would not have it.
    page.evaluate(axe)
    result = page.evaluate(RUN, TAGS)
    # It did look: these hold on every page of ours.
    assert {"color-contrast", "document-title", "html-has-lang", "region"} <= {*result["passed"]}
    found: list[Any] = result["found"]
    return found
