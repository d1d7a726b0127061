"""Sessions in the web server: known callers, sign-in limits, attendance of viewers, footage grants."""
