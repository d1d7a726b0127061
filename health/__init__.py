"""Patrol (巡检): detect faulty feeds and their causes; open and close faults on evidence."""
