"""The exception for input that cannot be used."""


class InputError(ValueError):
    """Input from the user cannot be used.

    The message is one line: what was expected, what came, and what to do. The command line prints it and exits with
    code 2. Any other exception is a bug.

    >>> raise InputError("--epochs must be at least 1, got 0")
    Traceback (most recent call last):
    ...
    bimodal.errors.InputError: --epochs must be at least 1, got 0
    """
