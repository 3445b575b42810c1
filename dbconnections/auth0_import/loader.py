"""Reads YAML that anybody may have written; needs PyYAML."""

from typing import Any

import yaml

INTEGER, FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader without YAML 1.1's numbers to base 60: 1:30 is a text.

    YAML 1.2 has none either, and reading a long one takes time that grows with its square. What
    cannot be the value it claims to be is an error with its place, whatever PyYAML raises for it.
    """

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        # The stubs give this method no types.
        tag = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        if kind is yaml.ScalarNode and tag in (INTEGER, FLOAT) and ":" in value:
            return self.DEFAULT_SCALAR_TAG
        return tag

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        # PyYAML would take the last of two; what the first holds would be lost without a word.
        seen: set[tuple[str, str]] = set()
        for key, _value in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, "found a key for the second time", key.start_mark
                    )
                seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            # With a tag of its own (`!!int 1:30`) it has not passed `resolve`.
            if node.tag in (INTEGER, FLOAT) and ":" in node.value:
                raise ValueError
            return super().construct_object(node, deep)
        except (ValueError, OverflowError, LookupError, AttributeError):
            # Numbers of too many digits, days that no month has, `!!bool x`, `!!timestamp x`.
            raise yaml.constructor.ConstructorError(
                None, None, "found a value that is none of its type", node.start_mark
            ) from None
