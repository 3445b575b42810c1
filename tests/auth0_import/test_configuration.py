import copy
from datetime import timedelta

import pytest

from dbconnections.auth0_import.configuration import (
    Plan,
    PlannedClient,
    _refuse_twins,
    origin_of,
    plan_of,
)
from dbconnections.auth0_import.exports import read_configuration


@pytest.fixture
def data(tenant):
    return copy.deepcopy(read_configuration(tenant))


@pytest.fixture
def plan(data):
    return plan_of(data)


def minimal(**options):
    return {"databases": [{"name": "Users", "options": options}]}


def values_of(**options):
    plan = plan_of(minimal(**options))
    assert plan.problems == []
    return plan.connections[0].values


def notes_about(plan, path):
    return [note for note in plan.notes if note.startswith(path)]


def test_export_has_no_problems(plan):
    assert plan.problems == []


def test_clients(plan):
    notes, shop = plan.clients
    assert notes.client_id == "aCmeNotes0123456789abcdefghijkLM"
    assert notes.values == {
        "name": "Acme Notes",
        "result_url": "https://notes.acme.example/login",
    }
    assert notes.origins == ["https://notes.acme.example", "http://localhost:3000"]
    assert shop.origins == ["https://shop.acme.example"]


def test_what_a_client_loses_is_told(plan):
    wildcard, unread = notes_about(plan, "clients[0] Acme Notes: ")
    assert "https://*.acme.example" in wildcard
    assert unread.endswith("nothing here for: sender_constrained.")
    logo, way_back = notes_about(plan, "clients[1] Acme Shop: ")
    assert "logo_uri is left out: Logos may not be loaded from cdn.acme.example" in logo
    assert way_back.endswith("https://shop.acme.example/ may be one.")
    assert "machines" in notes_about(plan, "clients[2] Acme Nightly: ")[0]
    assert "AUTH0_EXPORT_IDENTIFIERS=true" in notes_about(plan, "clients[3] Acme Draft: ")[0]


def test_logo_from_an_allowed_host(data, settings):
    settings.DBCONNECTIONS = {**settings.DBCONNECTIONS, "LOGO_HOSTS": ["cdn.acme.example"]}
    plan = plan_of(data)
    assert plan.clients[1].values["logo"] == "https://cdn.acme.example/shop.png"
    assert plan.connections[0].values["logo"] == "https://cdn.acme.example/logo.png"


@pytest.mark.parametrize(
    "address", ["http://notes.acme.example/", "https://a@b.example/", "javascript:alert(1)"]
)
def test_way_back_that_is_not_safe_is_left_out(data, address):
    data["clients"][0]["initiate_login_uri"] = address
    plan = plan_of(data)
    assert "result_url" not in plan.clients[0].values
    assert any("initiate_login_uri is left out" in note for note in plan.notes)


def test_flow_v1_accepts_passwords_and_says_so(data, plan):
    assert all("accepts_password" not in client.values for client in plan.clients)
    data["tenant"]["flags"]["change_pwd_flow_v1"] = True
    plan = plan_of(data)
    assert all(client.values["accepts_password"] for client in plan.clients)
    assert any("change_pwd_flow_v1" in note for note in plan.notes)


def test_connections(plan):
    users, staff = plan.connections
    assert users.name == "Username-Password-Authentication"
    assert users.values == {
        "connection_id": "con_aCme0123456789ab",
        "support_email": "help@acme.example",
        "support_url": "https://acme.example/help",
        "ticket_lifetime": timedelta(hours=2),
        "password_policy": "excellent",
        "password_min_length": 12,
        "password_history_size": 7,
        "password_dictionary": 10_000,
        "password_dictionary_words": ["acme2026!"],
        "password_no_personal_info": True,
    }
    assert users.client_ids == [client.client_id for client in plan.clients]
    assert (
        staff.values
        | {
            "password_policy": "custom",
            "password_complexity": {
                "min_length": 15,
                "character_types": ["lowercase", "number"],
                "max_length_exceeded": "error",
            },
            "password_min_length": None,
            "password_history_size": 3,
            "password_dictionary": 100_000,
            "password_dictionary_words": ["acme-staff"],
            "password_no_personal_info": True,
            "disable_self_service_change_password": True,
        }
        == staff.values
    )


def test_what_a_connection_loses_is_told(plan):
    (unknown,) = notes_about(plan, "databases[0] Username-Password-Authentication: ")
    assert "'Somebody Else' is not in the export" in unknown
    assert "brute_force_protection, mfa" in notes_about(plan, "databases[0].options: ")[-1]
    assert "user store" in notes_about(plan, "databases[1].options: ")[0]
    assert "personal_fields" in notes_about(plan, "databases[1].options.password_options.")[0]
    assert notes_about(plan, "connections[0] google-oauth2: ")
    assert notes_about(plan, "rules: 1 entry")
    assert notes_about(plan, "emailTemplates[0] reset_email: ")
    assert not notes_about(plan, "actions"), "there are none"


def test_no_secret_is_told(plan):
    assert "very-secret" not in repr(plan)


LEGACY = {
    "nothing": ({}, "password_policy", "none"),
    "level": ({"passwordPolicy": "fair"}, "password_policy", "fair"),
    "history without a size": ({"password_history": {"enable": True}}, "password_history_size", 5),
    "history off": ({"password_history": {"enable": False, "size": 5}}, "password_history_size", 0),
    "dictionary off": (
        {"password_dictionary": {"enable": False, "dictionary": ["a"]}},
        "password_dictionary_words",
        [],
    ),
}


@pytest.mark.parametrize(("options", "name", "value"), LEGACY.values(), ids=LEGACY)
def test_options_of_passwords(options, name, value):
    assert values_of(**options)[name] == value


PROBLEMS = {
    "passwordPolicy": ("strong", "no level"),
    "password_complexity_options": ({"min_length": 129}, "min_length: must be from 1 to 128"),
    "password_history": ({"enable": True, "size": 25}, "size: must be from 0 to 24"),
    "password_options": ({"complexity": {"min_length": 73}}, "complexity: "),
    "password_no_personal_info": (True, "must be an object, and is bool"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_impossible_values_are_problems_with_their_path(name):
    value, complaint = PROBLEMS[name]
    (problem,) = plan_of(minimal(**{name: value})).problems
    assert problem.startswith(f"databases[0].options.{name}")
    assert complaint in problem


@pytest.mark.parametrize("complexity", ["a text", [{}]])
def test_complexity_of_another_type(complexity):
    (problem,) = plan_of(minimal(password_options={"complexity": complexity})).problems
    assert problem.startswith("databases[0].options.password_options.complexity: ")


@pytest.mark.parametrize(
    "value", ["secret-word", ["secret-word"], 16**5000], ids=["text", "list", "number"]
)
def test_value_in_complexity_is_not_told(value):
    complexity = {"min_length": value}
    (problem,) = plan_of(minimal(password_options={"complexity": complexity})).problems
    assert problem == (
        "databases[0].options.password_options.complexity: min_length cannot be '…'."
    )


def test_what_is_new_in_complexity_is_told_and_the_rest_kept():
    complexity = {"min_length": 9, "emoji": "all", 16**5000: 1}
    plan = plan_of(minimal(password_options={"complexity": complexity}))
    assert plan.problems == []
    assert plan.connections[0].values["password_complexity"] == {"min_length": 9}
    assert any("complexity: nothing here for: emoji, int." in note for note in plan.notes)


def test_level_that_is_none_is_not_told():
    (problem,) = plan_of(minimal(passwordPolicy="secret-word")).problems
    assert problem == "databases[0].options.passwordPolicy: '…' is no level of Auth0's."


def test_custom_is_no_level_of_auth0():
    assert plan_of(minimal(passwordPolicy="custom")).problems


def test_words_that_do_not_fit_are_counted_not_shown():
    plan = plan_of(minimal(password_dictionary={"enable": True, "dictionary": ["a", "b" * 51]}))
    assert plan.connections[0].values["password_dictionary_words"] == ["a"]
    assert any("1 word cannot be kept" in note for note in plan.notes)


def test_clients_of_one_name_are_not_guessed():
    twins = [{"name": "App", "client_id": "one"}, {"name": "App", "client_id": "two"}]
    data = {"clients": twins, "databases": [{"name": "Users", "enabled_clients": ["App", "two"]}]}
    plan = plan_of(data)
    assert plan.connections[0].client_ids == ["two"]
    assert any("several clients are called 'App'" in note for note in plan.notes)


def test_what_is_left_out_is_read_on_for_its_problems():
    wrong = {"client_id": 5, "name": "App", "web_origins": "foo", "callbacks": ["a\0"]}
    plan = plan_of(
        {
            "clients": [wrong, {"name": "", "client_id": "one", "logo_uri": 7}],
            "databases": [{"options": 5, "enabled_clients": "App"}],
        }
    )
    assert [problem.partition(":")[0] for problem in plan.problems] == [
        "clients[0].client_id",
        "clients[0].web_origins",
        "clients[0].callbacks[0]",
        "clients[1].logo_uri",
        "databases[0].options",
        "databases[0].enabled_clients",
    ]
    assert (plan.clients, plan.connections, len(plan.notes)) == ([], [], 3)


def test_twice_the_same_is_a_problem():
    twins = [{"name": "A", "client_id": "one"}, {"name": "B", "client_id": "one"}]
    assert plan_of({"clients": twins}).problems == ["client_id one: twice in the export."]


@pytest.mark.timeout(20)
def test_many_clients_cost_no_time():
    ids = [f"c{number}" for number in range(100_000)]
    plan = Plan(clients=[PlannedClient(one, {}) for one in [*ids, "c7"]])
    _refuse_twins(plan)
    assert plan.problems == ["client_id c7: twice in the export."]


def test_placeholders_are_told():
    plan = plan_of({"databases": [{"name": "Users", "enabled_clients": "@@CLIENTS@@"}]})
    assert plan.problems == []
    assert notes_about(plan, "databases[0].enabled_clients: a placeholder")


@pytest.mark.parametrize("seconds", [0, 299, 432_001])
def test_lifetime_out_of_bounds_is_left_out(seconds):
    template = {"template": "reset_email", "urlLifetimeInSeconds": seconds}
    plan = plan_of(minimal() | {"emailTemplates": [template]})
    assert "ticket_lifetime" not in plan.connections[0].values
    assert any("urlLifetimeInSeconds" in note for note in plan.notes)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://user:hunter2@acme.example/cb?secret=abc", "https://acme.example"),
        ("https://user:hun/ter2@acme.example/cb", "https://user"),
        ("https://user:hun@ter2@acme.example:8443", "https://acme.example:8443"),
        ("https://acme.example:hunter2", "https://acme.example"),
        ("https://*.acme.example#token", "https://*.acme.example"),
        ("http://localhost:*/cb", "http://localhost:*"),
        ("https://[::1]:0\\hunter2", "https://[::1]"),
        ("user:hunter2@acme.example", "acme.example"),
        ("acme.example?secret\nabc", "acme.example"),
        ("", ""),
    ],
)
def test_of_what_is_no_origin_only_scheme_and_host_are_told(address, told):
    client = {"name": "App", "client_id": "one", "web_origins": [address]}
    (note,) = plan_of({"clients": [client]}).notes
    assert f"web_origins: {told!r} is no single origin" in note


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://App.Example.com:443/a?b#c", "https://app.example.com"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://a:b", ""),
        ("https://me@example.com", ""),
        ("example.com", ""),
    ],
)
def test_origin_of(address, origin):
    assert origin_of(address) == origin


def test_database_among_other_connections():
    plan = plan_of({"connections": [{"name": "Users", "strategy": "auth0"}]})
    assert [connection.name for connection in plan.connections] == ["Users"]


def test_client_of_auth0_itself_is_passed_over():
    plan = plan_of({"clients": [{"name": "All Applications", "global": True}]})
    assert (plan.clients, plan.notes) == ([], [])


@pytest.mark.parametrize("fields", [{"client_id": "a b"}, {"name": ""}, {"name": "a" * 101}])
def test_client_that_cannot_be_kept_is_left_out(fields):
    plan = plan_of({"clients": [{"name": "App", "client_id": "one"} | fields]})
    assert plan.clients == []
    assert "cannot be kept" in plan.notes[0]


def test_connection_that_cannot_be_kept_is_left_out():
    plan = plan_of({"databases": [{"name": "two words"}]})
    assert plan.connections == []
    assert "no name that can be kept" in plan.notes[0]


def test_callback_that_is_no_address_is_no_origin_and_no_way_back():
    client = {"name": "App", "client_id": "one", "callbacks": ["https://[", "app://login"]}
    plan = plan_of({"clients": [client]})
    assert plan.clients[0].origins == []
    assert plan.notes == []


def test_accounts_not_moved_to_auth0_yet_are_told():
    assert any("import_mode" in note for note in plan_of(minimal(import_mode=True)).notes)


def test_dictionary_that_does_not_exist():
    options = {"dictionary": {"active": True, "default": "de_10k"}}
    (problem,) = plan_of(minimal(password_options=options)).problems
    assert problem.startswith("databases[0].options.password_options.dictionary.default: ")


def test_texts_of_other_mails_are_told_and_their_lifetimes_do_not_count():
    template = {"template": "verify_email", "urlLifetimeInSeconds": 600}
    plan = plan_of(minimal() | {"emailTemplates": [template]})
    assert "ticket_lifetime" not in plan.connections[0].values
    assert notes_about(plan, "emailTemplates[0] verify_email: ")


def test_section_of_one_value_is_told():
    assert plan_of({"something": "new"}).notes == ["something: not carried over."]


def test_placeholder_read_twice_is_told_once():
    plan = plan_of({"clients": [{"name": "A", "client_id": "a", "callbacks": "@@ALL@@"}]})
    assert sum("placeholder" in note for note in plan.notes) == 1
