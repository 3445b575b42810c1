"""Reads values of a known type out of data that a file brought."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from dbconnections.validators import is_storable

# What the Deploy CLI writes in place of a value that differs from tenant to tenant.
_PLACEHOLDER = re.compile(r"##\w+##|@@\w+@@")


def name_of(key: Any) -> str:
    """Return what to call a key, which in YAML may be anything, or its type if that has no name."""
    try:
        return str(key)
    except ValueError:  # more digits than Python turns into decimals
        return type(key).__name__


class Fields:
    """One object of an export, with the path that leads to it.

    Each method returns the value of that name, or its default where it is absent or null. A value
    of another type is a problem, in ``problems``, and so is a text that no database keeps; a
    placeholder of the Deploy CLI is no value, and named in ``placeholders``. Neither ever has
    a value in it, which may be a secret. Without ``of_tenant`` any text is a value: people may call
    themselves ``##me##``, and are judged one by one.
    """

    def __init__(
        self,
        data: Mapping[str, Any],
        path: str,
        parent: "Fields | None" = None,
        *,
        of_tenant: bool = True,
    ) -> None:
        self.path = path
        self.of_tenant: bool = parent.of_tenant if parent else of_tenant
        self.problems: list[str] = parent.problems if parent else []
        # A dictionary for its order; a list would be searched for each.
        self.placeholders: dict[str, None] = parent.placeholders if parent else {}
        self._data = data
        self._read: set[str] = set()
        self._told: set[str] = set()

    def text(self, name: str) -> str:
        text: str = self._value(name, str, _("a text"), "")
        return text

    def flag(self, name: str) -> bool:
        flag: bool = self._value(name, bool, _("true or false"), False)
        return flag

    def number(self, name: str) -> int | None:
        number: int | None = self._value(name, int, _("a whole number"), None)
        return number

    def texts(self, name: str) -> list[str]:
        """Return a list of texts; those that are none are problems, each with its path."""
        # A whole list may be a placeholder, `"@@ORIGINS@@"`.
        if self._is_placeholder(name, self._data.get(name)):
            return []
        items = self._value(name, list, _("a list"), [])
        for index, item in enumerate(items):
            if type(item) is not str:
                self._complain(f"{name}[{index}]", _("a text"), item)
        return [
            item
            for index, item in enumerate(items)
            if type(item) is str
            and not self._is_placeholder(f"{name}[{index}]", item)
            and not self._is_unstorable(f"{name}[{index}]", item)
        ]

    def table(self, name: str) -> "Fields":
        """Return an object in this one; an empty one where there is none."""
        return Fields(self._value(name, dict, _("an object"), {}), self._path_of(name), self)

    def tables(self, name: str) -> Iterator["Fields"]:
        """Yield each object of a list."""
        for index, item in enumerate(self._value(name, list, _("a list"), [])):
            path = f"{name}[{index}]"
            if type(item) is dict:
                yield Fields(item, self._path_of(path), self)
            else:
                self._complain(path, _("an object"), item)

    def raw(self, name: str) -> Any:
        """Return whatever is there, for somebody else to judge."""
        self._read.add(name)
        return self._data.get(name)

    def unread(self, without: Iterable[str] = ()) -> list[str]:
        """Return the names that hold something and that nobody has asked for."""
        nothing: tuple[Any, ...] = (None, False, "", [], {})
        return sorted(
            name_of(name)
            for name, value in self._data.items()
            if name not in self._read and name not in without and value not in nothing
        )

    def __bool__(self) -> bool:
        return bool(self._data)

    def __contains__(self, name: str) -> bool:
        return self._data.get(name) is not None

    def _value(self, name: str, type_: type, wanted: str, default: Any) -> Any:
        self._read.add(name)
        value = self._data.get(name)
        if value is None or self._is_placeholder(name, value):
            return default
        # Not isinstance: to Python, true is a whole number.
        if type(value) is not type_:
            self._complain(name, wanted, value)
            return default
        return default if self._is_unstorable(name, value) else value

    def _is_placeholder(self, name: str, value: Any) -> bool:
        if not self.of_tenant or type(value) is not str or not _PLACEHOLDER.search(value):
            return False
        self._read.add(name)
        path = self._path_of(name)
        self.placeholders[path] = None
        return True

    def _is_unstorable(self, name: str, value: Any) -> bool:
        if not self.of_tenant or type(value) is not str or is_storable(value):
            return False
        self._tell(
            name,
            _("%(path)s: holds a NUL character or half a surrogate pair, which cannot be kept.")
            % {"path": self._path_of(name)},
        )
        return True

    def _complain(self, name: str, wanted: str, value: Any) -> None:
        self._tell(
            name,
            _("%(path)s: must be %(wanted)s, and is %(type)s.")
            % {"path": self._path_of(name), "wanted": wanted, "type": type(value).__name__},
        )

    def _tell(self, name: str, problem: str) -> None:
        """Add a problem with a value, the first time that it is asked for."""
        if name not in self._told:
            self._told.add(name)
            self.problems.append(problem)

    def _path_of(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name
