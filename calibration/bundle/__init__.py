"""The joint refinement of cameras and board, and how certain it is."""
