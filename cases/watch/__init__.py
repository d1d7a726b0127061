"""The watch list: proposals, approval, and matching of sightings."""
