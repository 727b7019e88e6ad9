"""Small helpers for sentences that the user reads."""


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural unless the count is 1.

    >>> plural(1, "face"), plural(0, "class"), plural(1200, "picture")
    ('1 face', '0 classes', '1,200 pictures')
    """
    ending = "" if count == 1 else "es" if noun.endswith(("s", "x", "ch", "sh")) else "s"
    return f"{count:,} {noun}{ending}"


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, at most 200 letters; the error's type if it has no message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
