"""Network basics shared by all packages: HTTP authentication, limits on connection attempts, error texts."""
