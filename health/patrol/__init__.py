"""Patrol: scheduled rounds, the light watch over counters, probes, manual review."""
