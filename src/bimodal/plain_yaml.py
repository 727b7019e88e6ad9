"""YAML that somebody else may have written."""

from typing import Any

import yaml


def plain_yaml(text: str) -> Any:
    """Read plain values; references are refused, since a few lines of them can stand for gigabytes.

    Raises:
        yaml.YAMLError: it is no YAML, or has references.

    >>> plain_yaml("{epochs: 3}")
    {'epochs': 3}
    """
    try:
        return yaml.load(text, _Plain)
    except (ValueError, LookupError, AttributeError, RecursionError) as error:  # a date of month 13, a hundred brackets
        raise yaml.YAMLError(f"{error}") from error


class _Plain(yaml.SafeLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("references (*name) are not taken; write the value out")
        return super().compose_node(parent, index)
