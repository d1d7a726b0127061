"""Refiling: renames recordings that a wrong clock named, after the clock was corrected."""
