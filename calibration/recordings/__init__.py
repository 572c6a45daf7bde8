"""Synchronized videos and image folders, read as tuples of views."""
