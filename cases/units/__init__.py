"""Patrol units: their members, who is on duty, where they are, and which of them an alert is offered to.

Entry points: `units` (administration), `duty` (on and off duty, positions), `ranking` (units by distance).
"""
