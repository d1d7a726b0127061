"""The store of sightings: one folder (SQLite) or partition (PostgreSQL) a day, so that a day goes by an unlink."""

from search.store.rows import Sighting
from search.store.sighting_store import Days

__all__ = ["Days", "Sighting"]
