"""Model packs: what a model is, where it came from, that it is still what it was; fetched only when a person says so."""

from search.models.definition import Pack
from search.models.registry import ModelRegistry

__all__ = ["ModelRegistry", "Pack"]
