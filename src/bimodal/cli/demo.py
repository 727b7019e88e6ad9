"""Coming."""


def demo() -> None:
    """Coming."""
