"""Time: the station's clock, wall time of pictures, and whether a clock is plausible."""
