"""What the recorder reads of H.264 and H.265: NAL units, parameter sets and vendor-specific units."""
