"""Recordings on the cameras' own storage (ONVIF Profile G): replay, backfill of gaps, single keyframes."""
