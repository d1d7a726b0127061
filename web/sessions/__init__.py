"""Sessions in the web server: known callers, limits on signing in, revalidation of sockets, grants."""
