"""The release in sites of other people: a new one, an old one, one that type checkers read."""
