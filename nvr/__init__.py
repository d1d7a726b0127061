"""Video recorder: ingest, archive, live, playback, clips."""
