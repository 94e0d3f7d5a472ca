"""Models that learn on: from unlabelled images of their user, or from a few labels."""
