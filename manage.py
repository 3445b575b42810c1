#!/usr/bin/env python
"""Run administrative tasks of the example site."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    """Run the command given on the command line; end with one line when a setting is wrong."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Improperly configured: {error}")


if __name__ == "__main__":
    main()
