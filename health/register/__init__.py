"""The daily patrol register: signing, supplements, daily verification."""
