"""What a release does for its own upgrade, run by its own Python (`station.upgrade.inside`)."""
