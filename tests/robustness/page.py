"""The page about robustness, from the cases that have been tried."""

from collections.abc import Sequence

from tests.robustness.records import Records


def page(records: Records, arguments: Sequence[str], day: str) -> str:
    """Return docs/results/robustness.md."""
    command = f"make torture TORTURE='{' '.join(arguments)}'"
    return f"""# Robustness

What damaged or hostile files, kills, full disks, little memory and two calls at once do to bimodal. {day}, `{command}`:

{records.table()}

**Lost**: a file of the user's is missing or changed, an acknowledged decision is not in `review.sqlite`, or the results after the
disturbance and a repeated call differ from those without it. **Other defects**: no message of one line, another exit code than
0 or 2 (after a signal: 130, 143 or 129), or hidden parts that are left. Each disturbed command is called again without the
disturbance, and its results are compared by their SHA-256.
"""
