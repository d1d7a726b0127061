"""The store of sightings: one folder (SQLite) or partition (PostgreSQL) a day, so that a day goes by an unlink."""

from search.store.rows import Sighting
from search.store.sighting_store import SightingStore

__all__ = ["Sighting", "SightingStore"]
