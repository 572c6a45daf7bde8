"""Label files, and frames worth labelling."""
