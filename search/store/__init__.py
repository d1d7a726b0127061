"""The store of sightings: one folder (SQLite) or partition (PostgreSQL) a day, so that a day goes by an unlink."""

from search.store.days import Days
from search.store.rows import Sighting

__all__ = ["Days", "Sighting"]
