"""What `models2d` raises."""


class ModelError(RuntimeError):
    """A network cannot be loaded, trained or used; the message says what is missing and what to do."""
