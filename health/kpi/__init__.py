"""Figures: one row per camera and day, and the formula of each figure."""
