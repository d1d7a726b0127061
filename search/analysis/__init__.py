"""Analysis of pictures: detectors, tracking, attributes, colours, appearance vectors."""
