"""Detectors of picture faults, one per fault family, each with its documented thresholds.

A detector gets an `Observation` (one picture compared with its history, and what earlier detectors found) and returns a
`PictureDetection`. `health.picture.judgement` runs them in the order in which they depend on each other.
"""
