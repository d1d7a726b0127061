"""The HTTP framework: routes with permissions, revalidation of sockets, OpenAPI, and counters for /metrics."""
