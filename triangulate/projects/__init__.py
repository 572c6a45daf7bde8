"""A project folder: its file, its stages, what is up to date."""
