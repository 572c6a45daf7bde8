"""From pixels to points: robust triangulation with its uncertainty."""
