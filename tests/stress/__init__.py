"""Commands that put the app under stress and print figures: `python -m tests.stress --help`."""
