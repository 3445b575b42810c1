"""Writes the table of settings in the README: `python -m tests.support.readme`."""

from datetime import timedelta

from dbconnections.conf import all_settings
from tests.support.documentation import ROOT, with_part

README = ROOT / "README.md"


def table() -> str:
    """Return the table of settings in Markdown."""
    lines = ["| setting | default | |", "|---|---|---|"]
    for name, setting in all_settings().items():
        lines.append(f"| `{name}` | `{shown(setting.default)}` | {setting.meaning} |")
    return "\n".join(lines) + "\n"


def shown(default: object) -> str:
    """Return a default as one would write it in settings.py."""
    if isinstance(default, timedelta):
        if default and not default % timedelta(days=1):
            return f"timedelta(days={default.days})"
        minutes, seconds = divmod(int(default.total_seconds()), 60)
        hours, rest = divmod(minutes, 60)
        unit = f"hours={hours}" if hours and not rest else f"minutes={minutes}"
        return f"timedelta(seconds={seconds})" if not minutes else f"timedelta({unit})"
    if isinstance(default, list | tuple):
        inside = ", ".join(shown(item) for item in default)
        return f"[{inside}]" if isinstance(default, list) else f"({inside})"
    return f'"{default}"' if isinstance(default, str) else repr(default).replace("'", '"')


def with_table(text: str) -> str:
    """Return the README with its table made anew."""
    return with_part(text, "settings", table())


if __name__ == "__main__":
    README.write_text(with_table(README.read_text()))
