"""Receivers of one session: which packets belong to its tracks, and its reception reports."""
