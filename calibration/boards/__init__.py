"""Calibration boards: their layout, their print, their poses, and what is wrong with them."""
