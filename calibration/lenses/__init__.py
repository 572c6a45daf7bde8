"""Lens models: projection and its inverse, their Jacobians, conversion from one model to another."""
