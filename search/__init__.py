"""Search: index objects from keyframes; find sightings by time, place, class, colour and similarity."""
