"""The exception for input that cannot be used."""

_MOST, _HEAD, _TAIL = 1_000, 600, 300


class InputError(ValueError):
    """Input from the user cannot be used.

    The message is one line: what was expected, what came, and what to do. The command line prints it and exits with
    code 2. Any other exception is a bug. A message of more than 1,000 characters loses its middle, because a value of the
    user can be a whole file.

    >>> raise InputError("--epochs must be at least 1, got 0")
    Traceback (most recent call last):
    ...
    bimodal.errors.InputError: --epochs must be at least 1, got 0
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(shortened(message))


def shortened(text: str) -> str:
    """Return a text of at most 1,000 characters; a longer one keeps its beginning and its end.

    >>> shortened("short")
    'short'
    >>> shortened("a" * 5_000_000 + "; choose another")[590:]  # doctest: +ELLIPSIS
    'aaaaaaaaaa ... (4,999,116 characters left out) ... aaa...aaa; choose another'
    """
    if len(text) <= _MOST:
        return text
    left_out = f" ... ({len(text) - _HEAD - _TAIL:,} characters left out) ... "
    return f"{text[:_HEAD]}{left_out}{text[-_TAIL:]}"
