"""Origin, axes and scale of the world."""
