"""Heatmaps and bins, both ways, and how sure they are."""
