import pytest

from dbconnections.auth0_import.fields import Fields

READERS = {
    "text": ("t", 1),
    "flag": (True, 1),
    "number": (7, True),
    "texts": (["a"], "a"),
}


@pytest.mark.parametrize("reader", READERS)
def test_value_of_its_type_is_returned(reader):
    right, _wrong = READERS[reader]
    fields = Fields({"name": right}, "clients[0]")
    assert getattr(fields, reader)("name") == right
    assert fields.problems == []


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("data", [{}, {"name": None}])
def test_absent_and_null_are_the_same(reader, data):
    fields = Fields(data, "clients[0]")
    assert not getattr(fields, reader)("name")
    assert fields.problems == []


@pytest.mark.parametrize("reader", READERS)
def test_value_of_another_type_is_a_problem_with_its_path_and_without_its_value(reader):
    _right, wrong = READERS[reader]
    fields = Fields({"name": wrong}, "clients[0]")
    assert not getattr(fields, reader)("name")
    (problem,) = fields.problems
    assert problem.startswith("clients[0].name: must be ")
    assert problem.endswith(f"is {type(wrong).__name__}.")


def test_problems_of_what_is_inside_are_known_outside():
    fields = Fields({"a": {"b": [{"c": 1}, 2]}}, "")
    for inner in fields.table("a").tables("b"):
        inner.text("c")
    assert fields.problems == [
        "a.b[0].c: must be a text, and is int.",
        "a.b[1]: must be an object, and is int.",
    ]


def test_items_of_a_list_have_their_paths():
    fields = Fields({"origins": ["a", 1]}, "clients[0]")
    assert fields.texts("origins") == ["a"]
    assert fields.problems == ["clients[0].origins[1]: must be a text, and is int."]


@pytest.mark.parametrize("reader", READERS)
def test_placeholders_are_no_values(reader):
    fields = Fields({"name": "@@NAME@@"}, "tenant")
    assert not getattr(fields, reader)("name")
    assert (list(fields.placeholders), fields.problems) == (["tenant.name"], [])


def test_placeholder_in_a_list():
    fields = Fields({"origins": ["https://##ENV##.example.com", "b"]}, "")
    assert fields.texts("origins") == ["b"]
    assert list(fields.placeholders) == ["origins[0]"]


def test_placeholder_is_a_text_like_any_other_where_none_is_due():
    data = {"name": "##ANN##", "list": ["@@B@@"], "in": {"c": "##C##"}, "all": [{"d": "@@D@@"}]}
    fields = Fields(data, "line 1", of_tenant=False)
    assert (fields.text("name"), fields.texts("list")) == ("##ANN##", ["@@B@@"])
    assert fields.table("in").text("c") == "##C##"
    assert [inner.text("d") for inner in fields.tables("all")] == ["@@D@@"]
    assert list(fields.placeholders) == []


@pytest.mark.parametrize("text", ["a\0b", "a\ud83d"])
def test_text_that_no_database_keeps_is_a_problem_of_a_tenant(text):
    data = {"name": text, "list": [text, "b"], "in": {"c": text}}
    fields = Fields(data, "tenant")
    assert (fields.text("name"), fields.texts("list"), fields.table("in").text("c")) == (
        "",
        ["b"],
        "",
    )
    holds = "holds a NUL character or half a surrogate pair, which cannot be kept."
    assert fields.problems == [f"tenant.{path}: {holds}" for path in ("name", "list[0]", "in.c")]
    assert Fields(data, "line 1", of_tenant=False).text("name") == text


@pytest.mark.timeout(20)
def test_many_placeholders_cost_no_time():
    fields = Fields({"origins": ["@@A@@"] * 100_000}, "")
    assert fields.texts("origins") == []
    assert list(fields.placeholders)[:2] == ["origins[0]", "origins[1]"]
    assert len(fields.placeholders) == 100_000


def test_name_that_python_does_not_write_is_told_by_its_type():
    assert Fields({16**5000: 1, 2024: 1, None: 1}, "").unread() == ["2024", "None", "int"]


def test_what_nobody_asked_for():
    fields = Fields({"a": 1, "b": 2, "c": None, "d": False, "e": [], "f": 3}, "")
    fields.number("a")
    assert fields.unread({"f"}) == ["b"]
