"""Checks without decoding: streams, recordings, devices, storage forecast."""
