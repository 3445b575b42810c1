"""The user store of `docs/user-stores.md` against a real directory, OpenLDAP's."""

import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.checks import run_checks
from django.db import OperationalError

from dbconnections.accounts import get_store
from dbconnections.delivery import deliver_due
from dbconnections.secret import Secret
from dbconnections.tickets import TicketRefused, redeem
from dbconnections.transactions import Busy
from tests.factories import ClientFactory, ConnectionFactory, ResetTicketFactory
from tests.sdk.packages import program
from tests.support.documentation import ROOT, marked
from tests.support.servers import free_port, listens, serving

pytestmark = [
    pytest.mark.sdk,
    # ldap3 asks pyasn1 for names it has renamed.
    pytest.mark.filterwarnings("ignore:.* is deprecated. Please use .* instead:DeprecationWarning"),
]

# It leaves a socket to the garbage collector where it cannot connect.
AWAY = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

BASE = "dc=example,dc=com"
ADMIN = f"cn=admin,{BASE}"
SERVICE = f"cn=reset,{BASE}"
STAFF = f"cn=staff,{BASE}"
UNIQUE = f"cn=unique,{BASE}"
HIDDEN = f"cn=hidden,{BASE}"
PASSWORD = "fresh-Kettle-88"

CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
pidfile {directory}/pid
database mdb
suffix "{base}"
rootdn "{admin}"
rootpw admin
directory {directory}/data
access to dn.exact="{hidden}" attrs=member by * none
access to * by dn.exact="{service}" write by * auth
overlay ppolicy
ppolicy_default "cn=rules,{base}"
"""


@pytest.fixture(scope="module")
def store_module() -> ModuleType:
    spec = spec_from_file_location("ldap_store", ROOT / "docs/examples/ldap_store.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A directory server with two people and groups of one of them."""
    (tmp_path / "data").mkdir()
    configuration = CONFIGURATION.format(
        directory=tmp_path, base=BASE, admin=ADMIN, service=SERVICE, hidden=HIDDEN
    )
    (tmp_path / "slapd.conf").write_text(configuration)
    port = free_port()
    url = f"ldap://127.0.0.1:{port}"
    command = [program("slapd"), "-d", "0", "-h", url, "-f", str(tmp_path / "slapd.conf")]
    with serving(command, lambda: listens(port), directory=tmp_path, log=tmp_path / "log"):
        fill(url)
        yield url


def fill(url: str) -> None:
    import ldap3

    connection = ldap3.Connection(url, ADMIN, "admin", auto_bind=True, raise_exceptions=True)
    connection.add(BASE, ["dcObject", "organization"], {"o": "Acme", "dc": "example"})
    # Not the administrator, for whom the directory's own rules do not count.
    connection.add(SERVICE, "person", {"sn": "reset", "userPassword": "service"})
    for name, mail_address in [("jane", "Jane@example.com"), ("joe", "joe@example.com")]:
        person = {"sn": "Miller", "cn": name, "givenName": name.title(), "mail": mail_address}
        connection.add(f"uid={name},{BASE}", "inetOrgPerson", person)
        connection.extend.standard.modify_password(f"uid={name},{BASE}", new_password="old-Tractor")
    for group in (STAFF, HIDDEN):
        connection.add(group, "groupOfNames", {"member": f"uid=joe,{BASE}"})
    connection.add(UNIQUE, "groupOfUniqueNames", {"uniqueMember": f"uid=joe,{BASE}"})
    rules = {
        "cn": "rules",
        "pwdAttribute": "userPassword",
        "pwdMinLength": 12,
        "pwdCheckQuality": 2,
        "pwdSafeModify": False,
    }
    connection.add(f"cn=rules,{BASE}", ["pwdPolicy", "person"], {**rules, "sn": "rules"})
    connection.unbind()


@pytest.fixture
def store(url: str, store_module: ModuleType, settings: Any, monkeypatch: Any) -> Any:
    """The store, as the connection `Directory` of a site has it."""
    monkeypatch.setitem(sys.modules, "mysite_ldap_store", store_module)
    options = {
        "url": url,
        "base_dn": BASE,
        "bind_dn": SERVICE,
        "bind_password": "service",
        "admins_dn": STAFF,
    }
    entry = {"BACKEND": "mysite_ldap_store.LdapStore", "OPTIONS": options}
    settings.DBCONNECTIONS = settings.DBCONNECTIONS | {"USER_STORES": {"ldap": entry}}
    return store_module.LdapStore(**options)


def binds(url: str, name: str, password: str) -> bool:
    import ldap3

    connection = ldap3.Connection(url, f"uid={name},{BASE}", password)
    is_bound = bool(connection.bind())
    connection.unbind()
    return is_bound


@pytest.fixture
def ticket(db: None, store: Any) -> Any:
    """A ticket that Jane has been mailed."""
    client = ClientFactory()
    connection = ConnectionFactory(user_store="ldap", clients=[client])
    ticket = ResetTicketFactory(client=client, connection=connection, email="jane@example.com")
    assert deliver_due() == {"sent": 1}
    return ticket


def test_person_in_the_directory_gets_a_new_password(url, ticket):
    [message] = mail.outbox
    assert message.to == ["Jane@example.com"]
    assert binds(url, "jane", "old-Tractor")
    redeem(ticket.pk, password=Secret(PASSWORD))
    assert binds(url, "jane", PASSWORD)
    assert not binds(url, "jane", "old-Tractor")
    with pytest.raises(TicketRefused, match="used"):
        redeem(ticket.pk, password=Secret("other-Kettle-99"))


def test_link_ends_when_the_directory_changes_password_or_address(url, ticket, store):
    import ldap3

    with ldap3.Connection(url, ADMIN, "admin") as connection:
        connection.modify(f"uid=jane,{BASE}", {"mail": [(ldap3.MODIFY_REPLACE, ["new@x.example"])]})
    with pytest.raises(TicketRefused, match="changed"):
        redeem(ticket.pk, password=Secret(PASSWORD))
    before = store.fingerprint(store.find(username="jane")[0])
    store.set_password(store.find(username="jane")[0], PASSWORD)
    assert store.fingerprint(store.find(username="jane")[0]) != before


def test_rule_of_the_directory_is_told_and_the_link_lives(url, ticket, store_module):
    with pytest.raises(store_module.RefusedByDirectory) as refused:
        redeem(ticket.pk, password=Secret("short-Key1"))
    assert refused.value.sentences != [""]
    assert binds(url, "jane", "old-Tractor")
    redeem(ticket.pk, password=Secret(PASSWORD))
    assert binds(url, "jane", PASSWORD)


def test_sessions_of_the_shadow_user_end(db, store):
    user = User.objects.create_user("jane")
    before = user.get_session_auth_hash()
    own = User.objects.create_user("joe", password="a-real-One-77")
    store.end_sessions(store.find(username="jane")[0])
    store.end_sessions(store.find(username="joe")[0])
    user.refresh_from_db()
    assert user.get_session_auth_hash() != before
    assert not user.has_usable_password()
    own.refresh_from_db()
    assert own.check_password("a-real-One-77")


@pytest.mark.parametrize("asked", ["(", "*", "j*", "jane)(uid=*", "jäne", "\uff4aane ", ""])
def test_what_is_asked_for_is_no_filter(store, asked):
    assert store.find(username=asked) == []
    assert store.find(email=f"{asked}@example.com") == []


def test_account_is_found_by_its_key_alone(store):
    [jane] = store.find(email="JANE@EXAMPLE.COM")
    assert (jane.email, jane.login) == ("Jane@example.com", "jane")
    assert store.get(jane.id) == jane
    assert store.get("*") is store.get("(") is store.get("no-uuid") is None
    assert store.personal_data(jane) == ["jane", "Jane@example.com", "Jane", "Miller"]


def test_members_of_the_group_are_privileged(store):
    [jane], [joe] = store.find(username="jane"), store.find(username="joe")
    assert (store.is_privileged(jane), store.is_privileged(joe)) == (False, True)


@pytest.mark.parametrize("group", [f"cn=gone,{BASE}", UNIQUE, HIDDEN, ADMIN, ""])
def test_everybody_is_privileged_where_members_are_not_known(store, group):
    store.admins_dn = group
    for name in ("jane", "joe"):
        [account] = store.find(username=name)
        assert store.is_privileged(account)


def test_group_has_to_be_named(store_module):
    options = {"url": "", "base_dn": BASE, "bind_dn": SERVICE, "bind_password": "service"}
    with pytest.raises(TypeError, match="admins_dn"):
        store_module.LdapStore(**options)


@AWAY
@pytest.mark.django_db
def test_directory_that_is_away_is_a_database_that_is_away(store, ticket):
    store.server.port = free_port()
    with pytest.raises(OperationalError):
        store.find(username="jane")


@AWAY
def test_link_lives_while_the_directory_is_away(url, ticket, store, settings):
    entry = settings.DBCONNECTIONS["USER_STORES"]["ldap"]
    right, entry["OPTIONS"]["url"] = entry["OPTIONS"]["url"], f"ldap://127.0.0.1:{free_port()}"
    with pytest.raises(Busy):
        redeem(ticket.pk, password=Secret(PASSWORD))
    entry["OPTIONS"]["url"] = right
    redeem(ticket.pk, password=Secret(PASSWORD))
    assert binds(url, "jane", PASSWORD)


def test_settings_of_the_page_make_a_store(store_module, settings, monkeypatch):
    found: dict[str, Any] = {}
    exec(marked("user-stores.md", "ldap: settings"), found)  # noqa: S102 (our own page)
    monkeypatch.setitem(sys.modules, "mysite", ModuleType("mysite"))
    monkeypatch.setitem(sys.modules, "mysite.ldap_store", store_module)
    settings.DBCONNECTIONS = found["DBCONNECTIONS"]
    store = get_store("ldap")
    assert isinstance(store, store_module.LdapStore)
    assert store.server.ssl
    assert run_checks(tags=["dbconnections"]) == []
