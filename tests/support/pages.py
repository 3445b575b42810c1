"""The pages, used as a browser would."""

import re
from typing import Any

from django.http import HttpResponse
from django.test import Client as Browser


def submit(browser: Browser, page: HttpResponse, **fields: str) -> Any:
    """Submit the form of a page, filled in, together with what it hides."""
    inputs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
    return browser.post("/dbconnections/reset/", dict(inputs) | fields)
