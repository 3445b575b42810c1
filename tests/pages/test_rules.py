"""The rules beside the field for a new password, as markup; the script is tried in a browser."""

import pytest
from django.contrib.staticfiles import finders

from dbconnections.pages.rules import generator_rules, shown_rules
from dbconnections.passwords.rules import (
    ALL_TYPES,
    CharacterType,
    Contains,
    ContainsAtLeast,
    MaxBytes,
    MaxCharacters,
    MinLength,
    NoIdentical,
    NoSequential,
)
from dbconnections.templatetags.dbconnections_pages import whole_ranges
from tests.pages.html import parse

LETTERS_AND_DIGITS = ALL_TYPES[:3]
EVERYTHING = {
    "min_length": 12,
    "character_types": ["special", "number", "uppercase", "lowercase"],
    "identical_characters": "block",
    "sequential_characters": "block",
    "max_length_exceeded": "error",
}


@pytest.fixture(autouse=True)
def validators(settings):
    """Leave the connection's policy alone, unless a test adds a validator of the site."""
    settings.AUTH_PASSWORD_VALIDATORS = []
    return settings.AUTH_PASSWORD_VALIDATORS


@pytest.fixture
def page_for(follow, ticket, connection):
    """Return a function that shows the page under a policy."""

    def page_for(level, **options):
        connection.password_policy = level
        for name, value in options.items():
            setattr(connection, f"password_{name}", value)
        connection.save()
        return parse(follow(ticket))

    return page_for


class MarkupValidator:
    def validate(self, password, user=None):
        pass

    def get_help_text(self):
        return "<b data-rule=\"x\">bold</b> & 'quoted'"


def rules_on(page):
    return page.all("ul", id="id_new_password1_rules")


def items(page):
    """Return the rules of a page, each with what the script is told of it."""
    [listed] = rules_on(page)
    return [
        (item["data-rule"], item["data-bound"], " ".join(types_in(item)))
        for item in listed.inside
        if "data-rule" in item.attributes
    ]


def types_in(item):
    """Return the types of characters that are ticked each for itself."""
    return [inner["data-type"] for inner in item.inside if "data-type" in inner.attributes]


def lines(page):
    """Return the text of each item that is no type of character."""
    [listed] = rules_on(page)
    lines = [item for item in listed.inside if item.tag == "li"]
    return [" ".join(i.text.split()) for i in lines if "data-type" not in i.attributes]


def first_field(page):
    return page.one("input", name="new_password1")


THREE_OF_FOUR = ("containsAtLeast", "3", "lowercase uppercase number special")
THREE = "required: lower; required: upper; required: digit;"


@pytest.mark.parametrize(
    ("level", "shown", "generated"),
    [
        ("low", [("lengthAtLeast", "6", "")], "minlength: 6;"),
        (
            "fair",
            [("lengthAtLeast", "8", ""), ("shouldContain", "", "lowercase uppercase number")],
            f"minlength: 8; {THREE}",
        ),
        ("good", [("lengthAtLeast", "8", ""), THREE_OF_FOUR], f"minlength: 8; {THREE}"),
        (
            "excellent",
            [("lengthAtLeast", "10", ""), THREE_OF_FOUR, ("identicalChars", "2", "")],
            f"minlength: 10; {THREE} max-consecutive: 2;",
        ),
    ],
)
def test_rules_of_each_level(page_for, level, shown, generated):
    page = page_for(level)
    assert items(page) == shown
    assert len(lines(page)) == len(shown)
    assert first_field(page)["passwordrules"] == generated


def test_custom_policy(page_for):
    page = page_for("custom", complexity=EVERYTHING)
    assert items(page) == [
        ("lengthAtLeast", "12", ""),
        ("shouldContain", "", "lowercase uppercase number special"),
        ("identicalChars", "2", ""),
        ("sequentialChars", "2", ""),
        ("maxLength", "72", ""),
    ]
    assert first_field(page)["passwordrules"] == (
        f"minlength: 12; {THREE} required: special; max-consecutive: 2; maxlength: 72;"
    )


def test_types_of_characters_are_items_of_their_own(page_for):
    page = page_for("good")
    types = [item for item in page.all("li") if "data-type" in item.attributes]
    assert [(item["data-type"], item.text) for item in types] == [
        ("lowercase", "lower case letters (a-z)"),
        ("uppercase", "upper case letters (A-Z)"),
        ("number", "numbers (0-9)"),
        ("special", "special characters (such as !@#$%^&*)"),
    ]
    assert lines(page)[1].startswith("At least 3 of these: lower case letters")
    assert lines(page_for("fair"))[1].startswith("Each of these: lower case letters")


def test_length_is_that_of_connection_or_site_whichever_is_longer(page_for, settings):
    assert items(page_for("low", min_length=15)) == [("lengthAtLeast", "15", "")]
    name = "django.contrib.auth.password_validation.MinimumLengthValidator"
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": name, "OPTIONS": {"min_length": 20}}]
    page = page_for("low", min_length=15)
    assert items(page) == [("lengthAtLeast", "20", "")]
    assert first_field(page)["passwordrules"] == "minlength: 20;"


def test_rule_that_every_password_meets_is_not_shown(page_for):
    page = page_for("none")
    assert not rules_on(page)
    assert "passwordrules" not in first_field(page).attributes
    assert page.one("p", class_="strength")


def test_what_only_the_server_can_judge_is_plain_text(page_for, settings):
    name = "django.contrib.auth.password_validation.NumericPasswordValidator"
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": name}]
    options = {"dictionary": 10_000, "no_personal_info": True, "history_size": 3}
    page = page_for("low", **options)
    assert items(page) == [("lengthAtLeast", "6", "")]
    *others, sites = lines(page)
    assert others == [
        "At least 6 characters.",
        "No password that many others use.",
        "Nothing of your name, username or address.",
        "None of your last 3 passwords.",
    ]
    assert "entirely numeric" in sites


def test_text_of_a_validator_is_text(page_for, settings):
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": f"{__name__}.MarkupValidator"}]
    page = page_for("low")
    assert lines(page)[1] == "<b data-rule=\"x\">bold</b> & 'quoted'"
    assert not page.all("b")
    assert len(items(page)) == 1


def test_rule_the_script_does_not_know_is_plain_text():
    """It has the code of another, which the script would judge it as."""
    [shown] = shown_rules([MaxCharacters(9)], [])
    assert (shown.code, str(shown)) == ("", "The password may have at most 9 characters.")


def test_rule_is_its_sentence_to_templates_of_the_sites_own():
    shown = shown_rules([MinLength(8), Contains(LETTERS_AND_DIGITS)], ["Not your name."])
    assert [str(rule) for rule in shown] == [
        "At least 8 characters.",
        "Each of these: lower case letters (a-z), upper case letters (A-Z), numbers (0-9).",
        "Not your name.",
    ]


@pytest.mark.parametrize(
    ("rules", "generated"),
    [
        ([], ""),
        ([MinLength(1)], ""),
        ([NoSequential()], ""),
        ([MinLength(1), NoIdentical(3)], "max-consecutive: 3;"),
        ([MaxBytes(72)], "maxlength: 72;"),
        ([ContainsAtLeast(3)], THREE),
        ([Contains(ALL_TYPES)], f"{THREE} required: special;"),
        ([Contains((CharacterType.NUMBER,))], "required: digit; allowed: lower, upper;"),
        (
            [Contains((CharacterType.SPECIAL,))],
            "required: special; allowed: lower, upper, digit;",
        ),
    ],
)
def test_what_password_managers_are_told(rules, generated):
    assert generator_rules(rules) == generated


def test_password_managers_are_told_again_after_a_refusal(page_for, submit):
    page_for("fair")
    page = parse(submit("short"))
    assert first_field(page)["passwordrules"] == f"minlength: 8; {THREE}"
    assert "passwordrules" not in page.one("input", name="new_password2").attributes


def test_fields_hold_nothing_back(page_for):
    """A limit of the browser's own would shorten a pasted password, or stop the form."""
    for field in page_for("custom", complexity=EVERYTHING).all("input", type="password"):
        assert field["autocomplete"] == "new-password"
        assert not {"maxlength", "minlength", "pattern", "onpaste"} & field.attributes.keys()


def test_errors_are_read_before_the_rules(page_for, submit):
    page_for("fair")
    field = first_field(parse(submit("short")))
    assert field["aria-invalid"] == "true"
    assert field["aria-describedby"] == "id_new_password1_errors id_new_password1_rules"


def test_hints_of_the_script_are_hidden_without_it(page_for):
    page = page_for("good")
    assert "hidden" in page.one("p", class_="strength").attributes
    same = [hint for hint in page.all("p") if "data-same-as" in hint.attributes]
    assert [(hint["data-same-as"], "hidden" in hint.attributes) for hint in same] == [
        ("id_new_password1", True)
    ]


def test_script_loads_and_evaluates_nothing():
    with open(finders.find("dbconnections/rules.js")) as file:
        text = file.read()
    for foreign in ("http:", "https:", "import(", "fetch(", "eval(", "innerHTML", "Function("):
        assert foreign not in text


def test_nothing_is_to_be_ticked_where_the_password_is_chosen_already(follow, retype_ticket):
    page = parse(follow(retype_ticket))
    assert not [script for script in page.all("script") if "rules.js" in script["src"]]
    assert not page.all("li")


def test_ranges_are_kept_in_one_line(page_for):
    page = page_for("good")
    ranges = [span.text for span in page.all("span") if span.attributes.get("class") == "nowrap"]
    assert ranges == ["a-z", "A-Z", "0-9"]


def test_ranges_are_kept_in_one_line_where_they_are_missed_too(page_for, submit):
    page_for("good")
    page = parse(submit("kettlekettle"))
    for place in (
        page.one("div", id="error-summary"),
        page.one("div", id="id_new_password1_errors"),
    ):
        ranges = [it.text for it in place.inside if it.attributes.get("class") == "nowrap"]
        assert ranges == ["a-z", "A-Z", "0-9"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("(a-z)", '(<span class="nowrap">a-z</span>)'),
        ("数字(0-9)", '数字(<span class="nowrap">0-9</span>)'),
        ("an e-mail, a-b-c", "an e-mail, a-b-c"),
        ("<b> & a-z", '&lt;b&gt; &amp; <span class="nowrap">a-z</span>'),
    ],
)
def test_only_ranges_are_marked(text, shown):
    assert whole_ranges(text) == shown
