"""The one exception that means: what the user gave cannot be used."""


class InputError(ValueError):
    """Something that the user gave cannot be used.

    The message is one line: what was expected, what came, and what to do. The command line prints it and
    exits with code 2; any other exception that reaches the user is a defect of ours.

    >>> raise InputError("--epochs must be at least 1, got 0")
    Traceback (most recent call last):
    ...
    bimodal.errors.InputError: --epochs must be at least 1, got 0
    """
