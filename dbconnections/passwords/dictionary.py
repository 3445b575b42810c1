"""Passwords that everyone tries first.

Auth0 refuses the 10,000 most common ones, compared as a whole and without regard to case. Here
they are kept as sorted digests of six bytes, 59 kB for the first 10,000 and 520 kB more for the
first 100,000, read at first use in less than a millisecond; of all other passwords one in three
thousand million is taken for one of them. `data/README.md` says where the list is from.
"""

import hashlib
from bisect import bisect_left
from functools import cache
from pathlib import Path

DATA = Path(__file__).with_name("data")
SIZES = (10_000, 100_000)
DIGEST_SIZE = 6


def is_common(password: str, among: int) -> bool:
    """Say whether a password is one of so many most common ones; ``among`` is 0 or a size."""
    if not among:
        return False
    wanted = digest(password)
    return any(_holds(size, wanted) for size in SIZES if size <= among)


def digest(password: str) -> bytes:
    """Return what stands for a password in the list."""
    folded = password.casefold().encode("utf-8", "surrogatepass")
    return hashlib.blake2b(folded, digest_size=DIGEST_SIZE).digest()


def _holds(size: int, wanted: bytes) -> bool:
    digests = _digests(size)

    def at(index: int) -> bytes:
        return digests[index * DIGEST_SIZE : (index + 1) * DIGEST_SIZE]

    return at(bisect_left(range(len(digests) // DIGEST_SIZE), wanted, key=at)) == wanted


@cache
def _digests(size: int) -> bytes:
    return (DATA / f"common_{size}.bin").read_bytes()
