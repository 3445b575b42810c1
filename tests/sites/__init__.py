"""The release in sites of other people: a new one made by the README, and one that is there already."""
