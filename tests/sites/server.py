"""A site that runs, and a person with a browser, as far as one without a screen can be one."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from example_project.outbox.mails import Mail, read_file
from tests.sites.environments import Environment, clean_environment
from tests.support.servers import serving, status_of
from tests.support.time import wait_until

LINK = re.compile(r"https?://\S+/dbconnections/reset/\S+")
NEW_PASSWORD = "fresh-Kettle-88"


class Browser:
    """A browser that stays on one site and never meets a page that failed."""

    def __init__(self, url: str, **headers: str) -> None:
        # Imported where it is used: it is not there when these tests are deselected.
        import mechanicalsoup

        self.site = url
        self.browser: Any = mechanicalsoup.StatefulBrowser(raise_on_404=True)
        for name, value in headers.items():
            self.browser.session.headers[name.replace("_", "-")] = value

    @property
    def url(self) -> str:
        return str(self.browser.url)

    @property
    def page(self) -> Any:
        return self.browser.page

    def visit(self, path: str) -> str:
        """Open a page; return its text."""
        return self._text(self.browser.open(self.site + path if path.startswith("/") else path))

    def send(self, selector: str = "form[method=post]", **fields: object) -> str:
        """Fill in a form of the page, submit it, and return the text of the page it leads to."""
        form = self.browser.select_form(selector)
        for name, value in fields.items():
            if isinstance(value, bool):
                form.set_checkbox({name: value}, uncheck_other_boxes=False)
            elif isinstance(value, list):
                form.set_select({name: value})
            else:
                form[name] = value
        return self._text(self.browser.submit_selected())

    def _text(self, response: Any) -> str:
        assert response.status_code == 200, f"{response.url}: {response.status_code}"
        return " ".join(self.page.get_text(" ").split())


@contextmanager
def running(environment: Environment, site: Path, port: int, **variables: str) -> Iterator[str]:
    """Run a site's server; yield its address."""
    url = f"http://127.0.0.1:{port}"
    with serving(
        [environment.bin / "python", "manage.py", "runserver", "--noreload", url[7:]],
        lambda: status_of(f"{url}/admin/login/") == 200,
        directory=site,
        log=site / "log",
        environment=clean_environment(**variables),
    ):
        yield url


def mails(directory: Path) -> list[Mail]:
    """Return the mails a site's file e-mail backend has written, the oldest first."""
    found = [mail for file in directory.glob("*.log") for mail in read_file(file)]
    return sorted(found, key=lambda mail: mail.written_at)


def wait_for_mails(site: Path, number: int) -> list[Mail]:
    """Wait until a site has sent so many mails; return them."""
    directory = site / "mail"
    wait_until(lambda: len(mails(directory)) >= number, "A mail is missing.", log=site / "log")
    found = mails(directory)
    assert len(found) == number
    return found


def link_in(mail: Mail) -> str:
    """Return the link in the text of a mail."""
    [link] = LINK.findall(mail.text)
    return link
