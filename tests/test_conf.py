"""Settings: their defaults, when they are read, and what is wrong with a value."""

from datetime import timedelta

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from dbconnections.conf import Setting, all_settings, configured, settings

DEFAULTS = {
    "BASE_URL": "",
    "USER_STORES": {"default": {"BACKEND": "dbconnections.accounts.ModelUserStore"}},
    "RESET_UNUSABLE_PASSWORDS": False,
    "PASSWORD_MAX_LENGTH": 128,
    "SITE_VALIDATORS": True,
    "BREACHED_PASSWORDS": "ignore",
    "MAX_BODY_SIZE": 8192,
    "RATE_LIMIT": "10/10 minutes",
    "RATE_LIMIT_PER_IP": "100/10 minutes",
    "RATE_LIMIT_PAGES": "30/10 minutes",
    "RATE_LIMIT_STORAGE": "memory://",
    "TRUSTED_PROXIES": 0,
    "MAIL_CAPS": [(3, timedelta(minutes=15)), (6, timedelta(days=1))],
    "COALESCE_WINDOW": timedelta(minutes=1),
    "BOUNCE_WINDOW": timedelta(days=1),
    "FROM_EMAIL": "",
    "MAIL_SHOWS_IP": False,
    "WAKE_UP": "thread",
    "TASK_BACKEND": "default",
    "TASK_QUEUE": "default",
    "DELIVERY_LEASE": timedelta(minutes=2),
    "DELIVERY_BATCH": 20,
    "DELIVERY_MAX_ATTEMPTS": 12,
    "DELIVERY_MAX_DELAY": timedelta(minutes=15),
    "EMAIL_TIMEOUT": timedelta(seconds=30),
    "RETENTION": timedelta(days=90),
    "MANAGEMENT_AUTHENTICATION_CLASSES": ["dbconnections.api.authentication.BearerAuthentication"],
    "MANAGEMENT_PERMISSION_CLASSES": ["dbconnections.api.permissions.MayIssueTickets"],
    "RESULT_URL_HOSTS": [],
    "BRANDING": {},
    "LOGO_HOSTS": [],
    "MAX_RETYPES": 5,
}


@override_settings(DBCONNECTIONS={})
def test_defaults():
    assert {name: getattr(settings, name) for name in all_settings()} == DEFAULTS


def test_site_without_settings(settings):
    del settings.DBCONNECTIONS
    from dbconnections.conf import settings as ours

    assert configured() == {}
    assert {name: getattr(ours, name) for name in all_settings()} == DEFAULTS


def test_read_at_each_use():
    with override_settings(DBCONNECTIONS={"MAX_BODY_SIZE": 1}):
        assert settings.MAX_BODY_SIZE == 1
        with override_settings(DBCONNECTIONS={"MAX_BODY_SIZE": 2}):
            assert settings.MAX_BODY_SIZE == 2
        assert settings.MAX_BODY_SIZE == 1
    assert settings.MAX_BODY_SIZE == 8192


def test_other_settings_keep_their_defaults():
    with override_settings(DBCONNECTIONS={"MAX_BODY_SIZE": 1}):
        assert settings.RATE_LIMIT == "10/10 minutes"


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_setting_can_be_set(name):
    value = object()
    with override_settings(DBCONNECTIONS={name: value}):
        assert getattr(settings, name) is value


def test_unknown_name_is_no_setting():
    with override_settings(DBCONNECTIONS={"SECRET": 1}), pytest.raises(AttributeError):
        settings.SECRET  # noqa: B018 (reading it is the test)


@pytest.mark.parametrize(("name", "setting"), all_settings().items())
def test_every_setting_says_what_it_means(name, setting):
    assert setting.name == name
    assert setting.meaning.endswith(".")
    assert setting.problem(setting.default) == ""


PROBLEMS = [
    ("BASE_URL", 1, "must be of type str, not int"),
    ("BASE_URL", None, "must be of type str, not NoneType"),
    ("BASE_URL", b"https://x", "must be of type str, not bytes"),
    ("USER_STORES", [], "must be of type dict, not list"),
    ("RESET_UNUSABLE_PASSWORDS", 1, "must be of type bool, not int"),
    ("RESET_UNUSABLE_PASSWORDS", "no", "must be of type bool, not str"),
    ("MAX_BODY_SIZE", "8192", "must be of type int, not str"),
    ("MAX_BODY_SIZE", 8192.0, "must be of type int, not float"),
    ("MAX_BODY_SIZE", True, "must be of type int, not bool"),
    ("MAX_BODY_SIZE", -1, "must not be negative"),
    ("PASSWORD_MAX_LENGTH", 0, "must be at least 1"),
    ("DELIVERY_BATCH", 0, "must be at least 1"),
    ("DELIVERY_BATCH", -1, "must not be negative"),
    ("DELIVERY_MAX_ATTEMPTS", 0, "must be at least 1"),
    ("DELIVERY_MAX_DELAY", timedelta(seconds=29), "must be at least 0:00:30"),
    ("COALESCE_WINDOW", timedelta(seconds=-1), "must not be negative"),
    ("TRUSTED_PROXIES", True, "must be of type int, not bool"),
    ("TRUSTED_PROXIES", -1, "must not be negative"),
    ("MAIL_CAPS", (), "must be of type list, not tuple"),
    ("WAKE_UP", "cron", "must be one of 'thread', 'task', 'none'"),
    ("WAKE_UP", None, "must be of type str, not NoneType"),
    ("DELIVERY_LEASE", 120, "must be of type timedelta, not int"),
    ("DELIVERY_LEASE", timedelta(seconds=-1), "must not be negative"),
    ("EMAIL_TIMEOUT", timedelta(), "must be at least 0:00:01"),
    ("DELIVERY_LEASE", timedelta(), "must be at least 0:00:10"),
    ("DELIVERY_LEASE", timedelta(seconds=9), "must be at least 0:00:10"),
    ("RATE_LIMIT", None, "must be of type str, not NoneType"),
]


@pytest.mark.parametrize(("name", "value", "problem"), PROBLEMS)
def test_problem(name, value, problem):
    assert all_settings()[name].problem(value) == problem


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BASE_URL", "https://login.example.com"),
        ("TRUSTED_PROXIES", 0),
        ("TRUSTED_PROXIES", 3),
        ("RESET_UNUSABLE_PASSWORDS", True),
        ("WAKE_UP", "none"),
        ("RATE_LIMIT", ""),
        ("DELIVERY_LEASE", timedelta(seconds=10)),
        ("COALESCE_WINDOW", timedelta()),
        ("MAIL_CAPS", []),
        ("DELIVERY_BATCH", 1),
    ],
)
def test_no_problem(name, value):
    assert all_settings()[name].problem(value) == ""


@pytest.mark.parametrize("value", [None, "RATE_LIMIT", [("RATE_LIMIT", "")], 1])
def test_settings_that_are_no_dict_are_none(value):
    with override_settings(DBCONNECTIONS=value):
        assert configured() == {}
        assert settings.RATE_LIMIT == "10/10 minutes"


def test_validity_of_what_is_configured():
    retypes = all_settings()["MAX_RETYPES"]
    assert retypes.is_valid()
    with override_settings(DBCONNECTIONS={"MAX_RETYPES": 3}):
        assert retypes.is_valid()
    with override_settings(DBCONNECTIONS={"MAX_RETYPES": "3"}):
        assert not retypes.is_valid()


def test_check_reports_a_problem_with_its_meaning():
    with override_settings(DBCONNECTIONS={"BASE_URL": "https://x.example", "MAX_RETYPES": "5"}):
        messages = run_checks(tags=["dbconnections"], databases=())
    (error,) = [message for message in messages if message.id == "dbconnections.E002"]
    assert error.msg == 'DBCONNECTIONS["MAX_RETYPES"] must be of type int, not str.'
    assert error.hint == all_settings()["MAX_RETYPES"].meaning


def test_check_reports_an_unknown_name():
    with override_settings(DBCONNECTIONS={"BASE_URL": "https://x.example", "RATELIMIT": ""}):
        messages = run_checks(tags=["dbconnections"], databases=())
    (error,) = [message for message in messages if message.id == "dbconnections.E001"]
    assert error.msg == 'DBCONNECTIONS["RATELIMIT"] is no setting of this app.'
    assert "RATE_LIMIT" in error.hint


def test_setting_on_the_class_is_the_setting_itself():
    assert isinstance(type(settings).BASE_URL, Setting)
    assert list(all_settings()) == list(DEFAULTS)
