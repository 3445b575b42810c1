"""Runs the snippet on standard input; prints as JSON what it prints or raises. See callers.py."""

import json
import sys


def record(snippet: str) -> dict[str, object]:
    """Run a snippet; return what it printed or the fields of what it raised."""
    printed: list[object] = []
    try:
        exec(compile(snippet, "snippet", "exec"), {"print": printed.append})  # noqa: S102
    except Exception as error:
        fields = {"type": type(error).__name__, "message": str(error), **vars(error)}
        return {"error": fields}
    [value] = printed
    return {"value": value}


sys.stdout.write(json.dumps(record(sys.stdin.read()), default=str))
