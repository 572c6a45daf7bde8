"""From images to the corners of the board."""
