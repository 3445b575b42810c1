import pytest

from dbconnections.auth0_import.configuration import plan_of
from dbconnections.auth0_import.exports import ExportError, read_configuration
from dbconnections.auth0_import.writing import apply
from dbconnections.models import AllowedOrigin, Client, Connection
from tests.factories import ClientFactory, ConnectionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def plan(tenant):
    return plan_of(read_configuration(tenant))


def counts():
    return [model.objects.count() for model in (Client, AllowedOrigin, Connection)]


def test_everything_is_there_afterwards(plan):
    changes = apply(plan, write=True)
    assert counts() == [2, 3, 2]
    assert len(changes.lines) == 4
    users = Connection.objects.get(name="Username-Password-Authentication")
    assert users.clients.count() == 2
    assert users.password_min_length == 12
    assert changes.stores == {"Username-Password-Authentication": "default", "Staff": "default"}


def test_second_time_nothing_changes(plan):
    apply(plan, write=True)
    changes = apply(plan, write=True)
    assert (changes.lines, changes.unchanged) == ([], 4)
    assert counts() == [2, 3, 2]


def test_dry_run_says_the_same_and_writes_nothing(plan):
    tried = apply(plan, write=False)
    assert counts() == [0, 0, 0]
    assert tried.lines == apply(plan, write=True).lines


def test_what_is_there_is_brought_to_the_export_and_the_rest_stays(plan):
    client = ClientFactory(client_id=plan.clients[0].client_id, name="Old", is_active=False)
    client.allowed_origins.create(origin="https://own.example")
    other = ClientFactory()
    connection = ConnectionFactory(name=plan.connections[0].name, clients=[other])
    connection.user_store = "customers"
    connection.save()
    changes = apply(plan, write=True)
    client.refresh_from_db()
    assert (client.name, client.is_active) == ("Acme Notes", False)
    assert client.allowed_origins.filter(origin="https://own.example").exists()
    assert other in connection.clients.all()
    assert any("name: Old → Acme Notes" in line for line in changes.lines)
    assert changes.stores[connection.name] == "customers"


def test_value_that_does_not_fit_writes_nothing_at_all(plan):
    plan.connections[1].values["connection_id"] = plan.connections[0].values["connection_id"]
    with pytest.raises(ExportError, match=r"Staff\.connection_id"):
        apply(plan, write=True)
    assert counts() == [0, 0, 0]


def test_client_that_does_not_fit_writes_nothing_at_all(plan):
    plan.clients[1].values["name"] = ""
    with pytest.raises(ExportError, match=r"\.name: "):
        apply(plan, write=True)
    assert counts() == [0, 0, 0]
