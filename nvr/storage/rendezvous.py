"""Rendezvous hashing (Thaler and Ravishankar, 1998; weights after Mosberger).

All processes that know the candidates make the same choice, and when a candidate is added or removed, only its own keys
move.
"""

from __future__ import annotations

import hashlib
import math


def score(key: str, candidate: str, weight: float = 1.0) -> float:
    """Return the candidate's score for the key.

    The candidate with the highest score gets the key; its share of all keys is proportional to `weight`.
    """
    digest = hashlib.blake2b(f"{key}@{candidate}".encode(), digest_size=8).digest()
    draw = (int.from_bytes(digest, "big") + 1) / (2**64 + 1)
    return -weight / math.log(draw)
