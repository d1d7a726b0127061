"""Patrol: scheduled rounds, the counter watch, probes, manual review."""
