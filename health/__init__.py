"""Patrol (巡检): which feeds are faulty and why; faults opened and closed on evidence."""
