"""The web interface: HTTP API, console, phone page, and the pages for funders."""
