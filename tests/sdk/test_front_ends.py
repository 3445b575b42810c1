"""The code of `docs/front-ends.md`, in Chromium on a page of another origin."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.sdk.clients import BUNDLER
from tests.sdk.documentation import CLIENT_ID, DOMAIN
from tests.sdk.packages import directory_of, install, program
from tests.sdk.site import LOCK_8_CLIENT_ID, Elsewhere, Site
from tests.support.documentation import PAGES, ROOT, Block, blocks

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.sdk

PAGE = ROOT / "docs" / "front-ends.md"
# What `show` puts on a page of another origin; `tests/test_docs.py` wants no other.
MARKS = [
    "front end: passwordReset.js",
    "front end: page.html",
    "front end: page.js",
    "front end: ResetForm.jsx",
    "front end: ResetForm.vue",
    "front end: withPassword.html",
    "front end: withPassword.js",
]
SENTENCE = "We've just sent you an email to reset your password."
REACT = ["react-dom@19"]  # npm installs its one React beside it
VUE = ["vue@3"]
EMPTY = '<!doctype html><body></body><script type="module" src="start.js"></script>'
SCRIPTS = ("js", "jsx", "ts", "vue")

STARTS = {
    "react": """
import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { ResetForm } from "./ResetForm.jsx";
createRoot(document.body).render(createElement(ResetForm));
""",
    "vue": """
import { createApp } from "vue";
import ResetForm from "./ResetForm.vue.js";
createApp(ResetForm).mount(document.body);
""",
}

COMPILE_VUE = """
const { compileScript, parse } = require("vue/compiler-sfc");
const { descriptor, errors } = parse(require("fs").readFileSync(0, "utf8"));
if (errors.length) throw errors[0];
console.log(compileScript(descriptor, { id: "reset", inlineTemplate: true }).content);
"""


@pytest.fixture(scope="module")
def frameworks() -> None:
    install(npm=[BUNDLER, *REACT, *VUE], pip=[])


@pytest.fixture
def show(
    frameworks: None, site: Site, elsewhere: Elsewhere, page: Page, tmp_path: Path
) -> Callable[[str], Page]:
    """Return a function that opens a page with one of the forms."""

    def show(kind: str) -> Page:
        files = {block.name: code_of(block, site, kind) for block in blocks(PAGE) if block.mark}
        for name, code in files.items():
            (tmp_path / name).write_text(code)
        if kind in STARTS:
            (tmp_path / "ResetForm.vue.js").write_text(compiled(files["ResetForm.vue"]))
            (tmp_path / "start.js").write_text(STARTS[kind])
            files |= {
                "start.js": bundled(tmp_path / "start.js"),
                f"{kind}.html": EMPTY,
            }
        elsewhere.files |= {f"/{name}": code for name, code in files.items()}
        page.goto(f"{elsewhere.origin}/{kind}.html")
        return page

    return show


def code_of(block: Block, site: Site, kind: str) -> str:
    code = block.code.replace(DOMAIN, site.domain)
    return code.replace(CLIENT_ID, LOCK_8_CLIENT_ID) if kind == "withPassword" else code


def compiled(component: str) -> str:
    """Return a Vue component as a module."""
    return run([program("node"), "--eval", COMPILE_VUE], component)


def bundled(start: Path) -> str:
    options = ["--bundle", "--jsx=automatic", "--format=esm", "--log-level=error"]
    production = '--define:process.env.NODE_ENV="production"'
    return run([esbuild(), str(start), *options, production], "")


def esbuild() -> str:
    return str(directory_of(BUNDLER) / "node_modules/.bin/esbuild")


def run(command: list[str], code: str) -> str:
    paths = [str(directory_of(name) / "node_modules") for name in (*REACT, *VUE)]
    process = subprocess.run(
        command,
        input=code,
        env={"PATH": os.environ["PATH"], "NODE_PATH": ":".join(paths)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def ask(page: Page, address: str, password: str = "") -> None:
    page.get_by_label("E-mail").fill(address)
    if password:
        page.get_by_label("New password").fill(password)
    page.get_by_role("button").click()


def wait_for_status(page: Page, text: str) -> None:
    page.get_by_role("status").get_by_text(text).wait_for()


@pytest.mark.parametrize("kind", ["page", "react", "vue"])
def test_person_asks_is_told_and_gets_a_mail(show, site, address, kind):
    page = show(kind)
    ask(page, address)
    wait_for_status(page, SENTENCE)
    assert "/dbconnections/reset/" in site.only_mail_to(address)
    assert page.get_by_role("button").is_enabled()


@pytest.mark.parametrize("kind", ["page", "react", "vue"])
def test_person_who_asks_too_often_has_to_wait(show, site, address, kind):
    site.use_up_limit(address)
    page = show(kind)
    ask(page, address)
    wait_for_status(page, "Too many requests.")
    assert page.get_by_role("button").is_disabled()


@pytest.mark.parametrize("kind", ["page", "react", "vue"])
def test_person_without_network_is_told(show, address, kind):
    page = show(kind)
    page.route("**/dbconnections/**", lambda route: route.abort())
    ask(page, address)
    wait_for_status(page, "The server cannot be reached.")


def test_password_that_is_weak_is_explained_and_a_good_one_sent(show, site, address):
    page = show("withPassword")
    ask(page, address, "weak")
    wait_for_status(page, "Password is too weak")
    rules = page.get_by_role("listitem").all_inner_texts()
    assert "✗ At least 8 characters in length" in rules
    ask(page, address, "fresh-Kettle-88")
    wait_for_status(page, SENTENCE)
    assert page.get_by_role("listitem").count() == 0
    assert site.passwords_given_for(address) == 1


SCRIPT_BLOCKS = [block for page in PAGES for block in blocks(page) if block.language in SCRIPTS]


@pytest.mark.parametrize("block", SCRIPT_BLOCKS, ids=str)
def test_script_on_any_page_is_valid(frameworks, block):
    code = compiled(block.code) if block.language == "vue" else block.code
    loader = "js" if block.language == "vue" else block.language
    run([esbuild(), f"--loader={loader}", "--log-level=error"], code)
