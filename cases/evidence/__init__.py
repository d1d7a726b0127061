"""Evidence: what leaves the station, who approved it, and how it is proved unchanged since it was recorded."""
