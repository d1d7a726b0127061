"""Search: objects seen by the cameras, indexed from keyframes, found by time, place, class and colour."""
