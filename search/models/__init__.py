"""Installed models: definition of a model pack, and the registry of packs."""
