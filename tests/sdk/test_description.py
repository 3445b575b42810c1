"""The site keeps to its description in OpenAPI, whatever it is sent: schemathesis tries."""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from urllib.parse import urlsplit

import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer

from tests.sdk.documentation import CLIENT_ID, CONNECTION
from tests.sdk.site import STAFF

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(600)]

CHANGE_PASSWORD = "/dbconnections/change_password"
TICKETS = "/api/v2/tickets/password-change"

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]
WHEN_WRONG = ["negative_data_rejection", "unsupported_method", "ignored_auth"]
WHEN_RIGHT = ["positive_data_acceptance"]

# NUL is refused wherever it stands, which no schema can say of fields it does not name.
RIGHT = ["--mode", "positive", "--generation-allow-x00", "false"]


@pytest.fixture
def description():
    """What drf-spectacular makes of the endpoints."""
    schema = SchemaGenerator(urlconf="dbconnections.urls").get_schema(public=True)
    return json.loads(OpenApiJsonRenderer().render(schema))


@pytest.fixture
def with_known_values(description, site, address):
    """The description, but for values that a description cannot know to be right."""
    strangers = [f"stranger{n}@example.com" for n in range(40)]
    printable = {"pattern": "^[ -~]*$"}
    nothing = {"enum": ["", None]}
    known = {
        CHANGE_PASSWORD: {
            "client_id": {"enum": [CLIENT_ID]},
            "connection": {"enum": [CONNECTION]},
            "email": {"enum": [address, "", None, *strangers]},
            "username": printable,
            "password": nothing,
            "organization": printable,
        },
        TICKETS: {
            "client_id": {"enum": [CLIENT_ID]},
            "connection_id": {"enum": [site.connection_id()]},
            "user_id": {"enum": [*map(site.user_id, [STAFF, address]), "auth0|-", "", None]},
            "email": {"enum": [STAFF, address, strangers[0], "", None]},
            "organization_id": printable,
            "result_url": nothing,
            "mark_email_as_verified": {"enum": [False, None]},
        },
    }
    for path, fields in known.items():
        for body in description["paths"][path]["post"]["requestBody"]["content"].values():
            for name, values in fields.items():
                body["schema"]["properties"][name] |= values
            # On this site the connection has two clients, so a ticket needs it as well.
            body["schema"].setdefault("required", ["client_id"])
    return description


@pytest.fixture
def try_out(site, tmp_path):
    """Return a function that sends what fits a description; it counts the answers."""

    def try_out(description, checks, examples, *options):
        (tmp_path / "openapi.json").write_text(json.dumps(description))
        command = [sys.executable, "-m", "schemathesis.cli", "run", "openapi.json"]
        command += ["--url", f"https://{site.domain}"]
        command += ["--tls-verify", str(site.certificates.authority)]
        command += ["--checks", ",".join(CHECKS + checks), "--max-examples", str(examples)]
        # The same requests each time: a failure can be run again.
        command += ["--generation-deterministic", "--workers", "1"]
        command += ["--no-color", "--warnings", "off", "--report-har-path", "har.json"]
        command += options
        process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert process.returncode == 0, process.stdout + process.stderr
        answers = defaultdict(Counter)
        for entry in json.loads((tmp_path / "har.json").read_text())["log"]["entries"]:
            if entry["request"]["method"] == "POST":
                path = urlsplit(entry["request"]["url"]).path
                answers[path][entry["response"]["status"]] += 1
        return answers

    return try_out


def test_whatever_is_sent(description, try_out, site):
    token = f"Authorization: Bearer {site.token}"
    answers = try_out(description, WHEN_WRONG, 100, "--header", token)
    assert set(answers[CHANGE_PASSWORD]) == {400, 415, 429}
    assert set(answers[TICKETS]) == {400, 401, 415}


def test_without_a_token(description, try_out):
    answers = try_out(description, [], 20, "--include-path", TICKETS)
    assert set(answers[TICKETS]) == {401}


def test_what_fits_is_accepted(with_known_values, try_out, site):
    """As accepted count a limit, an account there is not, and one that the caller may not have."""
    token = f"Authorization: Bearer {site.token}"
    answers = try_out(with_known_values, WHEN_RIGHT, 60, "--header", token, *RIGHT)
    assert {200} <= set(answers[CHANGE_PASSWORD]) <= {200, 429}
    assert set(answers[TICKETS]) == {201, 403, 404}


@pytest.mark.parametrize("accept", ["text/html", "text/plain"])
def test_answer_in_text(with_known_values, try_out, accept):
    options = ["--include-path", CHANGE_PASSWORD, "--header", f"Accept: {accept}"]
    options += ["--phases", "fuzzing", *RIGHT]
    answers = try_out(with_known_values, WHEN_RIGHT, 10, *options)
    assert {200} <= set(answers[CHANGE_PASSWORD]) <= {200, 429}
