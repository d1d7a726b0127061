"""Refiling: moves footage that a wrong clock filed, after the clock was corrected."""
