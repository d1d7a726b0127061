"""Shifts of the duty desk (值班): who has it, and what the next officer must know."""
