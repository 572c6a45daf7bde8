"""From labelled frames to a network."""
