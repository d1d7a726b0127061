"""Benchmarks: `./minwang bench NAME [--quick]`; the last line is one JSON object."""
