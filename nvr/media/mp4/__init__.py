"""Fragmented MP4: boxes, tracks and samples, the GOP index of a file, and the tracks of ffmpeg's files."""
