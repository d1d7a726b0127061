"""The sighting store: one folder (SQLite) or partition (PostgreSQL) per day, so that a day is deleted as a whole."""

from search.store.rows import Sighting
from search.store.sighting_store import SightingStore

__all__ = ["Sighting", "SightingStore"]
