"""The rules for a new password, ticked while it is typed."""

from datetime import datetime, timedelta

import pytest

from dbconnections import passwords
from tests.browser.person import choose, get_link, see

pytestmark = pytest.mark.browser

EVERYTHING = {
    "min_length": 10,
    "character_types": ["lowercase", "uppercase", "number", "special"],
    "character_type_rule": "three_of_four",
    "identical_characters": "block",
    "sequential_characters": "block",
    "max_length_exceeded": "error",
}
EACH = EVERYTHING | {"min_length": 6, "character_type_rule": "all"}

RULES = ["lengthAtLeast", "containsAtLeast", "identicalChars", "sequentialChars", "maxLength"]

PASSWORDS = [
    "",
    " ",
    "a",
    "aa",
    "aaa",
    "aaab",
    "baaa",
    "aAaAaA",
    "abab",
    "abc",
    "cba",
    "abd",
    "acb",
    "aba",
    "XYZ",
    "xyZ",
    "321",
    "8901",
    "89:",
    "/01",
    "YZ[",
    "`ab",
    "@AB",
    "yz{",
    "abcba",
    "0-1-2",
    "Walnut-7",
    "Walnut-ferry-7",
    "walnut ferry kettle",
    "WALNUT FERRY 31",
    "Wälnüt-Fährë-31",
    "ÄÖÜäöüß",
    "١٢٣٤٥٦",
    "кошка-и-собака",
    "密码很长很长的密码",
    "pass\u00a0word",
    "🔑",
    "🔑🔑",
    "🔑🔑🔑🔑🔑",
    "Kettle🔑9",
    "👩‍👩‍👧‍👦Kettle9",
    "e\u0301e\u0301e\u0301",
    "!!!",
    "~`|\\]",
    "€uro-Kettle-9",
    "{\"a\":['b']}<i>&amp;",
    "Aa1-" * 18,
    "Aa1-" * 18 + "x",
    "Aä1-" * 14 + "xy",
    "Aä1-" * 14 + "xyz",
    "🔑1" * 14 + "Ab",
    "🔑1" * 14 + "Abd",
]

# What the hint says of each, from nothing to very good.
STRENGTHS = {
    "": "0",
    "walnut": "1",
    "password": "1",
    "a" * 30: "1",
    "abcdefghijklmnopqrstuvwxyz": "1",
    "12345678901234567890": "1",
    "Passw0rd!": "2",
    "passwordpassword": "2",
    "Walnut-ferry-1": "3",
    "密码很长很长的密码不重复的词": "3",
    "Walnut-ferry-kettle-21": "4",
    "x7Kp-2mQz-9Lw4-vTbR": "4",
}

TICKED = """list => Object.fromEntries(
    [...list.querySelectorAll("[data-rule], [data-type]")].map(
        item => [item.dataset.rule ?? item.dataset.type, item.classList.contains("met")]
    )
)"""


@pytest.fixture
def demand(site):
    """Return a function that sets the policy of the example site."""

    def demand(complexity, **options):
        fields = {"password_policy": "custom", "password_complexity": complexity, **options}
        code = f"from dbconnections.models import *; Connection.objects.update(**{fields!r})"
        site.manage("shell", "--command", code)

    return demand


@pytest.fixture
def reset(page, site, demand):
    """Return the page for a new password, where everything is asked of it."""
    demand(EVERYTHING)
    get_link(page, site)
    return page


def first(page):
    return page.locator("[name=new_password1]")


def second(page):
    return page.locator("[name=new_password2]")


def ticked(page):
    return page.locator(".rules").evaluate(TICKED)


def met(page):
    """Return the rules that are ticked, those on types of characters aside."""
    return [name for name, is_met in ticked(page).items() if is_met and name in RULES]


def judged(options, password):
    """Return what the server makes of a password, rule by rule and type by type."""
    policy = passwords.from_options(options)
    rules, _notes = passwords.requirements(policy)
    expected = {rule.code: rule.is_met(password) for rule in rules}
    return expected | {type_.value: type_.is_in(password) for type_ in policy.types}


def mark(page, selector):
    """Return what stands before an element."""
    script = "e => getComputedStyle(e, '::before').content"
    return page.locator(selector).evaluate(script)


def test_rules_tick_themselves_while_typing(reset):
    assert met(reset) == []
    field = first(reset)
    field.press_sequentially("walnut")
    assert met(reset) == ["identicalChars", "sequentialChars", "maxLength"]
    assert ticked(reset)["lowercase"]
    assert not ticked(reset)["uppercase"]
    field.press_sequentially("-Ferry")
    assert met(reset) == RULES
    field.press_sequentially("yy")
    assert "identicalChars" not in met(reset)
    for _ in range(3):
        field.press("Backspace")
    assert met(reset) == RULES
    field.press("Control+a")
    field.press("Delete")
    assert met(reset) == []


def test_mark_is_not_colour_alone(reset):
    assert "○" in mark(reset, "[data-rule=maxLength]")
    first(reset).fill("w")
    assert "✓" in mark(reset, "[data-rule=maxLength]")
    assert "○" in mark(reset, "[data-rule=lengthAtLeast]")
    assert "✓" in mark(reset, "[data-type=lowercase]")
    assert "○" in mark(reset, "[data-type=number]")


def test_what_only_the_server_can_judge_has_no_mark(reset):
    for item in reset.locator(".rules > li:not([data-rule])").all():
        assert item.evaluate("e => getComputedStyle(e, '::before').content") == "none"


@pytest.mark.parametrize("options", [EVERYTHING, EACH], ids=["three of four", "each"])
def test_page_judges_as_the_server_does(page, site, demand, options):
    demand(options)
    get_link(page, site)
    shown = {}
    for password in PASSWORDS:
        first(page).fill(password)
        shown[password] = ticked(page)
    assert shown == {password: judged(options, password) for password in PASSWORDS}


def test_passwords_that_are_compared_meet_and_miss_every_rule():
    for options in (EVERYTHING, EACH):
        for name in judged(options, ""):
            assert {judged(options, password)[name] for password in PASSWORDS} == {True, False}


def test_password_may_be_pasted(new_page, site, demand):
    demand(EVERYTHING)
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    get_link(page, site)
    page.evaluate("navigator.clipboard.writeText('Walnut-ferry-51')")
    for field in (first(page), second(page)):
        field.press("Control+v")
        assert field.input_value() == "Walnut-ferry-51"
    assert met(page) == RULES
    page.get_by_role("button", name="Set this password").click()
    see(page, "Your new password is set")


def test_password_filled_in_by_a_manager_is_ticked(reset):
    first(reset).evaluate(
        "e => { e.value = 'Walnut-ferry-52'; e.dispatchEvent(new Event('change')); }"
    )
    assert met(reset) == RULES


def test_long_password_is_not_shortened(reset):
    first(reset).fill("Walnut-" * 30)
    assert len(first(reset).input_value()) == 210
    assert "maxLength" not in met(reset)


def test_server_decides(reset):
    """What misses the rules can be sent, and what meets those on the page can be refused."""
    choose(reset, "walnut")
    see(reset, "At least 10 characters", "#id_new_password1_errors")
    assert first(reset).get_attribute("aria-invalid") == "true"
    assert reset.evaluate("document.activeElement.id") == "error-summary"
    assert met(reset) == []

    first(reset).fill("Jane@Example.com")
    assert met(reset) == RULES
    choose(reset, "Jane@Example.com")
    see(reset, "too similar", "#id_new_password1_errors")

    choose(reset, "Walnut-ferry-53")
    see(reset, "Your new password is set")


def test_tally_is_spoken_after_a_pause(reset):
    reset.clock.install()
    reset.reload()
    reset.clock.pause_at(datetime.now() + timedelta(hours=1))
    status = reset.locator(".field:has([name=new_password1]) > [role=status]")
    first(reset).press_sequentially("walnut")
    reset.clock.run_for(900)
    first(reset).press_sequentially("-Ferry")
    reset.clock.run_for(900)
    assert status.inner_text() == ""
    reset.clock.run_for(200)
    assert status.inner_text() == "Rules met: 5 of 5. Length and variety: fair."
    first(reset).fill("aaa")
    reset.clock.run_for(1100)
    assert status.inner_text() == "Rules met: 2 of 5. Length and variety: low."
    first(reset).fill("")
    reset.clock.run_for(1100)
    assert status.inner_text() == ""


def test_state_of_each_rule_can_be_read(reset):
    from playwright.sync_api import expect

    length = reset.locator("[data-rule=lengthAtLeast]")
    first(reset).fill("walnut")
    expect(length).to_have_text("Not yet: At least 10 characters.")
    expect(reset.locator("[data-type=lowercase]")).to_have_text("Met: lower case letters (a-z)")
    first(reset).fill("walnut-ferry")
    expect(length).to_have_text("Met: At least 10 characters.")
    first(reset).fill("")
    expect(length).to_have_text("At least 10 characters.")


def test_strength_is_of_length_and_variety(reset):
    shown = {}
    for password in STRENGTHS:
        first(reset).fill(password)
        shown[password] = reset.locator(".bar").get_attribute("data-level")
    assert shown == STRENGTHS


def test_both_fields_alike_are_ticked(reset):
    hint = reset.locator(".same")
    assert hint.is_visible()

    def is_ticked():
        return "met" in (hint.get_attribute("class") or "").split()

    assert not is_ticked()
    first(reset).fill("walnut")
    second(reset).fill("walnu")
    assert not is_ticked()
    assert hint.text_content() == "Not yet: Both passwords are the same."
    second(reset).press_sequentially("t")
    assert is_ticked()
    assert hint.text_content() == "Both passwords are the same."
    first(reset).press_sequentially("s")
    assert not is_ticked()


def test_page_is_complete_without_javascript(page, new_page, reset):
    bare = new_page(java_script_enabled=False, storage_state=page.context.storage_state())
    bare.goto("/dbconnections/reset/")
    texts = bare.locator(".rules > li").all_inner_texts()
    assert texts[0] == "At least 10 characters."
    assert texts[1].startswith("At least 3 of these:")
    assert bare.locator(".rules [data-type]").count() == 4
    assert not bare.locator(".strength").is_visible()
    assert not bare.locator(".same").is_visible()
    assert mark(bare, "[data-rule=maxLength]") == "none"
    choose(bare, "walnut")
    see(bare, "At least 10 characters", "#id_new_password1_errors")
    choose(bare, "Walnut-ferry-54")
    see(bare, "Your new password is set")


@pytest.mark.parametrize("locale", ["en", "de", "ar"])
def test_page_fits_small_phones(page, new_page, reset, locale):
    state = page.context.storage_state()
    size = {"width": 320, "height": 640}
    phone = new_page(viewport=size, locale=locale, storage_state=state)
    phone.goto("/dbconnections/reset/")
    first(phone).fill("Walnut-ferry-kettle-55")
    assert phone.evaluate("document.documentElement.scrollWidth") == 320
