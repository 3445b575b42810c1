"""Auth0's own judges of passwords, run in Node.js beside the app's."""

import json
import random

import pytest
from django.core.exceptions import ValidationError

from dbconnections.models import Connection
from dbconnections.passwords import from_options, policy_of
from tests.sdk.callers import run
from tests.sdk.packages import directory_of, install, program

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(600)]

# The first has the levels and the options; the second has the rules, and judges.
POLICIES = "auth0-password-policies@latest"
JUDGE = "password-sheriff@latest"

ALL_TYPES = ["lowercase", "uppercase", "number", "special"]

# A level, options as of `password_options.complexity`, or a level with a minimum length.
CASES = {
    "none": {"level": "none"},
    "low": {"level": "low"},
    "fair": {"level": "fair"},
    "good": {"level": "good"},
    "excellent": {"level": "excellent"},
    "none, longer": {"level": "none", "least": 128},
    "fair, shorter": {"level": "fair", "least": 5},
    "good, longer": {"level": "good", "least": 15},
    "excellent, shorter": {"level": "excellent", "least": 4},
    "shortest": {"options": {"min_length": 1}},
    "longest": {"options": {"min_length": 72}},
    "one type": {"options": {"min_length": 2, "character_types": ["special"]}},
    "two types": {"options": {"min_length": 3, "character_types": ["uppercase", "number"]}},
    "types in another order": {
        "options": {"min_length": 4, "character_types": ["special", "number", "lowercase"]}
    },
    "all types": {
        "options": {"min_length": 7, "character_types": ALL_TYPES, "character_type_rule": "all"}
    },
    "three of four": {
        "options": {
            "min_length": 5,
            "character_types": ALL_TYPES[::-1],
            "character_type_rule": "three_of_four",
        }
    },
    "no types": {"options": {"min_length": 6, "character_types": [], "character_type_rule": "all"}},
    "no runs": {"options": {"min_length": 2, "identical_characters": "block"}},
    "no sequences": {"options": {"min_length": 2, "sequential_characters": "block"}},
    "no more than 72 bytes": {"options": {"min_length": 2, "max_length_exceeded": "error"}},
    "nothing blocked": {
        "options": {
            "min_length": 2,
            "identical_characters": "allow",
            "sequential_characters": "allow",
            "max_length_exceeded": "truncate",
        }
    },
    "everything": {
        "options": {
            "max_length_exceeded": "error",
            "sequential_characters": "block",
            "identical_characters": "block",
            "character_type_rule": "three_of_four",
            "character_types": ALL_TYPES,
            "min_length": 12,
        }
    },
}

WITHOUT_LENGTH = {"options": {"identical_characters": "block"}}

# The app refuses more, as Auth0's Management API does before it comes to these packages.
INVALID_OPTIONS = [
    {"min_length": 0},
    {"min_length": -1},
    {"min_length": 73},
    {"min_length": "8"},
    {"character_type_rule": "three_of_four"},
    {"character_type_rule": "three_of_four", "character_types": []},
    {"character_type_rule": "three_of_four", "character_types": ALL_TYPES[1:]},
    {"character_type_rule": "three_of_four", "character_types": ALL_TYPES[:3]},
    None,
    "low",
]

SCRIPT = """
const policies = require("auth0-password-policies");
const { PasswordPolicy } = require("password-sheriff");
const { cases, invalid, passwords } = JSON.parse(require("fs").readFileSync(0, "utf8"));

const rulesOf = ({ level, least, options }) => {
  if (options) return policies.createRulesFromOptions(options);
  return least ? { ...policies[level], length: { minLength: least } } : policies[level];
};

const isRefused = (options) => {
  try {
    policies.createRulesFromOptions(options);
  } catch {
    return true;
  }
  return false;
};

const judge = (policy) => ({
  text: policy.toString(),
  rules: policy.explain(),
  judged: passwords.map((password) => [policy.check(password), policy.missing(password)]),
});

const answers = { invalid: invalid.map(isRefused), cases: {} };
for (const [name, one] of Object.entries(cases)) {
  answers.cases[name] = judge(new PasswordPolicy(rulesOf(one)));
}
process.stdout.write(JSON.stringify(answers));
"""

# Passwords

ALPHABETS = ["abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"]
# Around each alphabet by code point, so that a sequence may run over its border.
ROWS = [chr(ord(row[0]) - 1) + row + chr(ord(row[-1]) + 1) for row in ALPHABETS]
# Arabic digits and Greek, full-width and mathematical letters, which are no sequence.
FOREIGN_ROWS = ["".join(map(chr, range(at, at + 9))) for at in (0x661, 0x3B1, 0xFF41, 0x1D400)]
SPECIAL = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
LATIN_1 = "".join(map(chr, range(0x80, 0x100)))
FOREIGN = "\u0131\u0130\u20ac\u2028\u212a\u0301\uff11\uffff\0\t\n\r\x7f"
ASTRAL = "😀😁\U0001d7d8\U0001d400\U00010000\U0010ffff"
SURROGATES = "\ud83d\ude00\ud800\udfff"


def make_passwords():
    """Make passwords up, the same ones each time."""
    chance = random.Random(3)

    def letter():
        return chance.choice(chance.choice([*ALPHABETS, *ALPHABETS, SPECIAL]))

    def strange():
        return chance.choice(chance.choice([LATIN_1, FOREIGN, ASTRAL, SURROGATES]))

    def repeated():
        return chance.choice([letter, strange])() * chance.randint(2, 4)

    def sequence():
        row = chance.choice([*ROWS, *ROWS, *FOREIGN_ROWS])[:: chance.choice([1, -1])]
        start = chance.choice([0, len(row) - 4, chance.randrange(len(row))])
        return row[start : start + chance.randint(2, 4)]

    def made_of(pieces, number):
        return "".join(chance.choice(pieces)() for _ in range(number))

    made = ["", *SPECIAL, *LATIN_1, *FOREIGN, *ASTRAL, *SURROGATES]
    # At every length, and at every number of bytes around the limit.
    for unit in ("x", "Ab3!", "é", "€", "😀", "\ud83d"):
        made += [
            (unit * 160)[:length] for length in (*range(1, 40), *range(70, 75), *range(126, 131))
        ]
    for number in range(24):
        made += [made_of([letter], number) for _ in range(40)]
        made += [made_of([letter, letter, letter, repeated, sequence], number) for _ in range(40)]
        made += [made_of([letter, strange, repeated, sequence], number) for _ in range(20)]
    for number in range(14, 30):
        made += [made_of([letter, strange, sequence], number) for _ in range(10)]
    # Two halves that come to stand side by side are one character, as in JSON.
    return [
        text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass") for text in made
    ]


@pytest.fixture(scope="module")
def passwords():
    return make_passwords()


@pytest.fixture(scope="module")
def answers(passwords):
    """What Auth0's packages make of all of this."""
    install(npm=[POLICIES, JUDGE], pip=[])
    questions = {
        "cases": {**CASES, "without length": WITHOUT_LENGTH},
        "invalid": INVALID_OPTIONS,
        "passwords": passwords,
    }
    paths = [str(directory_of(package) / "node_modules") for package in (JUDGE, POLICIES)]
    command = [program("node"), "-e", SCRIPT]
    output = run(command, json.dumps(questions), directory_of(JUDGE), NODE_PATH=":".join(paths))
    return json.loads(output)


@pytest.fixture(params=CASES)
def name(request):
    return request.param


@pytest.fixture
def theirs(answers, name):
    return answers["cases"][name]


@pytest.fixture
def ours(name):
    return our_policy(**CASES[name])


def our_policy(level="custom", least=None, options=None):
    return policy_of(
        Connection(
            password_policy=level, password_min_length=least, password_complexity=options or {}
        )
    )


def judge(policy, password):
    rules = [rule.judge(password) for rule in policy.rules()]
    return {"rules": rules, "verified": all(rule["verified"] for rule in rules)}


def test_verdicts(ours, theirs, passwords):
    differing = [
        password
        for password, (verdict, _missing) in zip(passwords, theirs["judged"], strict=True)
        if all(rule.is_met(password) for rule in ours.rules()) is not verdict
    ]
    assert differing == []


def test_objects(ours, theirs, passwords):
    for password, (_verdict, missing) in zip(passwords, theirs["judged"], strict=True):
        assert judge(ours, password) == missing, ascii(password)


def test_rules(ours, theirs):
    assert [rule.explain() for rule in ours.rules()] == theirs["rules"]


def test_text(ours, theirs):
    assert "\n".join(str(rule) for rule in ours.rules()) == theirs["text"]


def test_passwords_are_such_that_each_rule_matters(theirs):
    """Or equal verdicts would say little."""
    for number, rule in enumerate(theirs["rules"]):
        alone = set()
        for _verdict, missing in theirs["judged"]:
            verdicts = [judged["verified"] for judged in missing["rules"]]
            alone.add((verdicts.pop(number), all(verdicts)))
        assert alone >= {(True, True), (False, True)}, rule["code"]


def test_options_without_a_length_take_no_empty_password_all_the_same(answers):
    """Auth0's packages then have no such rule, and without any other take it."""
    theirs = answers["cases"]["without length"]
    rules = our_policy(**WITHOUT_LENGTH).rules()
    assert rules[0].explain()["code"] == "nonEmpty"
    assert [rule.explain() for rule in rules[1:]] == theirs["rules"]


@pytest.mark.parametrize("number", range(len(INVALID_OPTIONS)))
def test_invalid_options(answers, number):
    assert answers["invalid"][number]
    with pytest.raises(ValidationError):
        from_options(INVALID_OPTIONS[number])
