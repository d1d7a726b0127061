"""The face: HTTP API, console, phone page, funders' pages."""
