"""Trajectories to the files of other tools, and to our own Parquet and back; one module per format."""
