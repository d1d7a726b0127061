"""Rendezvous hashing: everybody who knows the candidates comes to the same choice, and when one candidate goes
or comes, only its own keys move (Thaler and Ravishankar, 1998; the weights after Mosberger)."""

from __future__ import annotations

import hashlib
import math


def score(key: str, candidate: str, weight: float = 1.0) -> float:
    """The candidate with the highest score has the key; its share of all keys is in proportion to its weight."""
    digest = hashlib.blake2b(f"{key}@{candidate}".encode(), digest_size=8).digest()
    draw = (int.from_bytes(digest, "big") + 1) / (2**64 + 1)
    return -weight / math.log(draw)
