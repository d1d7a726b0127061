"""The answers of the HTTP API: pydantic models, and how they are built from rows. No request, no SQL, no permission."""
