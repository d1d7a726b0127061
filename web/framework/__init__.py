"""The HTTP framework: routing with permissions, limits, input checks, OpenAPI, listener."""
