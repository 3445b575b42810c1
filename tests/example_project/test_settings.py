"""The example site's settings, each time read by a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SITE = "import django; django.setup(); from dbconnections.mail import mailer; "


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run this code with these environment variables and no others; a warning is an error."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        env={"DJANGO_SETTINGS_MODULE": "example_project.settings"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def read(expression: str, /, setup: str = "", **environment: str) -> Any:
    """Return the value of an expression that has the settings' names in scope."""
    printed = f"import json; print(json.dumps({expression}, default=str))"
    result = run(f"{setup}from example_project.settings import *; {printed}", **environment)
    assert not result.stderr
    return json.loads(result.stdout)


def test_database_is_sqlite_unless_another_is_given():
    database = read("DATABASES")["default"]
    assert database["ENGINE"] == "django.db.backends.sqlite3"
    assert database["NAME"] == str(ROOT / "var" / "db.sqlite3")
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]


@pytest.mark.parametrize(
    ("url", "engine", "options"),
    [
        ("postgres://u:p%40ss@db:5433/demo", "postgresql", {}),
        ("postgres://u:p%40ss@db:5433/demo?sslmode=require", "postgresql", {"sslmode": "require"}),
        ("mysql://u:p%40ss@db:5433/demo", "mysql", {"charset": "utf8mb4"}),
    ],
)
def test_database_server(url, engine, options):
    database = read("DATABASES", DATABASE_URL=url)["default"]
    assert database["ENGINE"] == f"django.db.backends.{engine}"
    assert database["OPTIONS"] == options
    server = [database[key] for key in ("HOST", "PORT", "NAME", "USER", "PASSWORD")]
    assert server == ["db", 5433, "demo", "u", "p@ss"]


def test_database_directory_is_made(tmp_path):
    read("DATABASES", DATABASE_URL=f"sqlite:///{tmp_path}/new/db.sqlite3")
    assert (tmp_path / "new").is_dir()


def test_empty_variable_counts_as_not_set():
    names = ("BASE_URL", "DATABASE_URL", "REDIS_URL", "EMAIL_URL", "EMAIL_BACKEND", "ALLOWED_HOSTS")
    everything = "[BASE_URL, DATABASES, DBCONNECTIONS, MAIL_DIR, ALLOWED_HOSTS]"
    assert read(everything, **dict.fromkeys(names, "")) == read(everything)


def test_demo_runs_in_debug_mode():
    assert read("DEBUG") is True


def test_secret_key_is_required_without_debug():
    result = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={"DEBUG": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr == (
        "Improperly configured: Set SECRET_KEY to a long random string, as DEBUG is off.\n"
    )


def test_secret_key_may_hold_any_character():
    assert read("SECRET_KEY", DEBUG="0", SECRET_KEY="$ecret") == "$ecret"


def test_rate_limit():
    limits = read("DBCONNECTIONS", DBCONNECTIONS_RATE_LIMIT="5/minute")
    assert limits["RATE_LIMIT"] == "5/minute"
    assert "RATE_LIMIT_PER_IP" not in limits


def test_rate_limit_of_zero_switches_all_limits_off():
    limits = read("DBCONNECTIONS", DBCONNECTIONS_RATE_LIMIT="0")
    names = ("RATE_LIMIT", "RATE_LIMIT_PER_IP", "RATE_LIMIT_PAGES", "MAIL_CAPS")
    assert not any(limits[name] for name in names)


def test_redis_holds_cache_and_counters():
    url = "redis://cache:6379/1"
    assert read("DBCONNECTIONS", REDIS_URL=url)["RATE_LIMIT_STORAGE"] == url
    assert read("CACHES", REDIS_URL=url)["default"]["LOCATION"] == url


def test_plain_http_on_this_machine():
    assert read("[BASE_URL, ALLOWED_HOSTS, 'SECURE_HSTS_SECONDS' in dir()]") == [
        "http://127.0.0.1:8000",
        ["127.0.0.1", "localhost", "[::1]", "127.0.0.1"],
        False,
    ]


def test_https():
    site = {"BASE_URL": "https://demo.example.com/", "SECRET_KEY": "s", "DEBUG": "0"}
    assert read("BASE_URL", **site) == "https://demo.example.com"
    assert "demo.example.com" in read("ALLOWED_HOSTS", **site)
    assert read("CSRF_TRUSTED_ORIGINS", **site) == ["https://demo.example.com"]
    assert read("CSRF_COOKIE_SECURE and SESSION_COOKIE_SECURE", **site) is True
    assert read("SECURE_HSTS_SECONDS", **site) > 0


@pytest.mark.parametrize("trusted", [True, False])
def test_proxy_is_believed_only_when_trusted(trusted):
    site = {"BASE_URL": "https://demo.example.com", "TRUST_PROXY": "1" if trusted else "0"}
    assert read("'SECURE_PROXY_SSL_HEADER' in dir()", **site) is trusted
    assert read("DBCONNECTIONS", **site)["TRUSTED_PROXIES"] == int(trusted)


def test_plain_http_leads_to_https_only_behind_a_proxy_that_says_which_it_was():
    """Without one, the site could not tell, and would redirect for ever."""
    site = {"BASE_URL": "https://demo.example.com"}
    redirects = "globals().get('SECURE_SSL_REDIRECT', False)"
    assert read(redirects, **site) is False
    assert read(redirects, **site, TRUST_PROXY="1") is True


def test_whole_domain_is_https_only_if_its_owner_says_so():
    site = {"BASE_URL": "https://demo.example.com"}
    names = ("SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_HSTS_PRELOAD")
    promised = f"[globals().get(name, False) for name in {names}]"
    assert read(promised, **site) == [False, False]
    assert read(promised, **site, HSTS_PRELOAD="1") == [True, True]


def test_who_sends_mails():
    assert read("DBCONNECTIONS")["WAKE_UP"] == "thread"
    assert read("DBCONNECTIONS", DBCONNECTIONS_WAKE_UP="none")["WAKE_UP"] == "none"


def test_mails_are_files_unless_another_backend_is_given(tmp_path):
    mailer = read("[type(mailer()).__module__, mailer().file_path]", SITE, MAIL_DIR=str(tmp_path))
    assert mailer == ["django.core.mail.backends.filebased", str(tmp_path)]


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail", ["mail", 25, "", "", False, False]),
        ("smtp+tls://u%40x:p%2Fw@mail", ["mail", 587, "u@x", "p/w", True, False]),
        ("smtp+ssl://u:p@mail", ["mail", 465, "u", "p", False, True]),
        ("smtp://mail:1025", ["mail", 1025, "", "", False, False]),
    ],
)
def test_mail_server(url, server):
    options = ("host", "port", "username", "password", "use_tls", "use_ssl", "timeout")
    names = ", ".join(f"mailer().{option}" for option in options)
    assert read(f"[{names}]", SITE, EMAIL_URL=url) == [*server, 10]


def test_mail_service():
    service = {
        "EMAIL_BACKEND": "anymail.backends.postmark.EmailBackend",
        "ANYMAIL_POSTMARK_SERVER_TOKEN": "token",
    }
    assert read("mailer().server_token", SITE, **service) == "token"


@pytest.mark.parametrize(
    ("environment", "routed"),
    [
        ({}, True),
        ({"EMAIL_URL": "smtp://mail"}, False),
        ({"EMAIL_BACKEND": "anymail.backends.postmark.EmailBackend"}, False),
    ],
)
def test_outbox_is_there_only_for_mails_in_files(environment, routed):
    urls = f"{SITE}from example_project.urls import urlpatterns; "
    routes = read("[str(entry.pattern) for entry in urlpatterns]", urls, **environment)
    assert ("outbox/" in routes) is routed
