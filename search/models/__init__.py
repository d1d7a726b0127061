"""Model packs: definition, provenance, integrity. Packs are fetched only on a person's request."""

from search.models.definition import Pack
from search.models.registry import ModelRegistry

__all__ = ["ModelRegistry", "Pack"]
