"""Indexing: reads the recording log, analyses keyframes, stores sightings."""
