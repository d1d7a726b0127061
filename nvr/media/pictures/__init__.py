"""From NAL units to pictures and fragments, packet by packet: their bounds, times and starting points."""
