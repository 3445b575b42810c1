import gzip
import json
import sys

import pytest

from dbconnections.auth0_import import exports
from dbconnections.auth0_import.exports import ExportError, read_configuration, read_users


def test_yaml(tenant):
    assert [client["name"] for client in read_configuration(tenant)["clients"]] == [
        "Acme Notes",
        "Acme Shop",
        "Acme Nightly",
        "Acme Draft",
    ]


def test_directory(tmp_path):
    files = {
        "tenant.json": {"friendly_name": "Acme"},
        "clients/Acme Notes.json": {"name": "Acme Notes"},
        "database-connections/Users/database.json": {"name": "Users"},
        "connections/google.json": {"name": "google"},
        "emails/provider.json": {"name": "smtp"},
        "emails/reset_email.json": {"template": "reset_email"},
        "actions/one.json": {"name": "one"},
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    assert read_configuration(tmp_path) == {
        "tenant": {"friendly_name": "Acme"},
        "clients": [{"name": "Acme Notes"}],
        "databases": [{"name": "Users"}],
        "connections": [{"name": "google"}],
        "emailTemplates": [{"template": "reset_email"}],
        "actions": ["one.json"],
    }


def test_directory_of_something_else(tmp_path):
    with pytest.raises(ExportError, match="there is no export here"):
        read_configuration(tmp_path)


HOSTILE = {
    "an object of Python": "tenant: !!python/object/apply:os.getcwd []",
    "a placeholder without quotes": "clients: @@CLIENTS@@",
    "a list": "- secret-word",
    "a text": "secret-word",
    "nothing": "",
    "half a file": "clients:\n  - name: 'secret-word",
    "a control character": "clients: \x00",
    "no date": "tenant: 2026-99-99",
    "depth": "[" * 50_000,
    "a tab": "clients:\n\t- secret-word",
    "an unhashable key": "? [secret-word]\n: 1",
    "an alias of nothing": "client_secret: *secret-word",
    "a tag of nobody's": "client_secret: !secret-word",
    "a handle of nobody's": "client_secret: !secret-word!tag",
    "an escape of nothing": r'client_secret: "\x-secret-word"',
    "no truth": "tenant: !!bool secret-word",
    "no time": "tenant: !!timestamp secret-word",
    "no number": "tenant: !!int ''",
    "a number to base 60": "tenant: !!int 1:30",
    "more than a float holds": "tenant: !!float " + "59:" * 200 + "1.5",
    "more digits than Python reads": "tenant: " + "9" * 5000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_yaml_is_refused_without_a_word_of_it(yaml_file, text):
    with pytest.raises(ExportError) as caught:
        read_configuration(yaml_file(text))
    assert "tenant.yaml" in str(caught.value)
    assert "secret-word" not in str(caught.value)


def test_error_of_yaml_is_told_with_its_place(yaml_file):
    with pytest.raises(ExportError) as caught:
        read_configuration(yaml_file("tenant:\n  secret: *secret-word"))
    assert str(caught.value).endswith(", line 2: this is not YAML: found undefined alias ….")
    with pytest.raises(ExportError) as caught:
        read_configuration(yaml_file("tenant: 1\nclients: @secret"))
    assert str(caught.value).endswith(
        ", line 2: this is not YAML: found character '@' that cannot start any token."
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("clients: []\ntenant: {}\nclients: []", "line 3: this is not YAML: found a key for the"),
        ("tenant:\n  name: a\n  name: b", "line 3: this is not YAML: found a key for the second"),
        ("tenant:\n  name: a\0", "line 2: this is not YAML: a character that YAML does not"),
        ("tenant: !!map secret-word", "line 1: this is not YAML: expected a mapping node"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_would_be_lost_or_crash_is_refused(yaml_file, text, complaint):
    with pytest.raises(ExportError, match=complaint):
        read_configuration(yaml_file(text))


def test_directory_that_a_yaml_file_was_exported_to(yaml_file):
    path = yaml_file("tenant: {friendly_name: Acme}")
    assert read_configuration(path.parent) == {"tenant": {"friendly_name": "Acme"}}


def test_numbers_to_base_60_are_texts(yaml_file):
    text = "a: 1:30\nb: -1:30.5\nc: 90\nd: 1.5\n"
    expected = {"a": "1:30", "b": "-1:30.5", "c": 90, "d": 1.5}
    assert read_configuration(yaml_file(text)) == expected


@pytest.mark.timeout(20)
def test_long_number_to_base_60_costs_no_time(yaml_file):
    number = ":".join(["1"] * 400_000)
    assert read_configuration(yaml_file(f"a: {number}")) == {"a": number}


@pytest.mark.timeout(20)
def test_merge_keys_do_not_multiply(yaml_file):
    bomb = "a0: &a0 {k: v}\n" + "".join(
        f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 9)
    )
    assert len(read_configuration(yaml_file(bomb))) == 9


def test_aliases_do_not_multiply(yaml_file):
    bomb = "a0: &a0 [x,x]\n" + "".join(
        f"a{n}: &a{n} [*a{n - 1},*a{n - 1},*a{n - 1},*a{n - 1}]\n" for n in range(1, 40)
    )
    assert len(read_configuration(yaml_file(bomb))) == 40


def test_size_is_bounded(yaml_file, monkeypatch):
    monkeypatch.setattr(exports, "MAX_CONFIGURATION_BYTES", 20)
    with pytest.raises(ExportError, match="larger than"):
        read_configuration(yaml_file("tenant: {name: abcdefgh}"))


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(ExportError, match="No such file"):
        read_configuration(tmp_path / "tenant.yaml")
    with pytest.raises(ExportError, match="No such file"):
        list(read_users(tmp_path / "users.ndjson"))


def test_without_pyyaml_it_says_what_to_install(yaml_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ExportError, match=r"pip install 'dbconnections\[import\]'"):
        read_configuration(yaml_file("a: 1"))


def test_users(export):
    assert list(read_users(export({"a": 1}, "", {"b": 2}))) == [(1, {"a": 1}), (3, {"b": 2})]


def test_gzipped_users(tmp_path):
    path = tmp_path / "users.ndjson.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n'))
    assert list(read_users(path)) == [(1, {"a": 1})]


def test_damaged_gzipped_file(tmp_path):
    path = tmp_path / "users.ndjson.gz"
    packed = bytearray(gzip.compress(b'{"a": 1}\n' * 500))
    packed[12:20] = b"\xff" * 8
    path.write_bytes(packed)
    with pytest.raises(ExportError, match="ndjson"):
        list(read_users(path))


def test_half_a_gzipped_file(tmp_path):
    path = tmp_path / "users.ndjson.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 1000)[:-12])
    with pytest.raises(ExportError):
        list(read_users(path))


@pytest.mark.parametrize("line", ['{"email": "ann@exam', "[" * 100_000, b"\xff".decode("latin-1")])
def test_line_that_is_no_json_is_named_but_not_shown(export, line):
    with pytest.raises(ExportError, match="line 2: this is not one JSON object") as caught:
        list(read_users(export({"a": 1}, line)))
    assert "ann@" not in str(caught.value)


def test_line_without_end(export, monkeypatch):
    monkeypatch.setattr(exports, "MAX_LINE_BYTES", 20)
    with pytest.raises(ExportError, match="line 1: too long"):
        list(read_users(export({"a": "b" * 30})))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b'{"name": ', "line 1: this is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"9" * 5000, "line 0: this is not JSON"),
        (b"\xff", "not in UTF-8"),
    ],
)
def test_broken_file_in_a_directory_is_named(tmp_path, content, complaint):
    (tmp_path / "tenant.json").write_bytes(content)
    with pytest.raises(ExportError, match=rf"tenant\.json.*{complaint}"):
        read_configuration(tmp_path)
