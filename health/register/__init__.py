"""The daily patrol register: signing, supplements, and the daily check of what was signed."""
