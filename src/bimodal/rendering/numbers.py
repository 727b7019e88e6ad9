"""Numbers as text: shares in percent, differences in points, p-values, ratios; each with its 95 % interval if it has one."""

from bimodal.evaluation.statistics import Estimate

NO_INTERVAL = "Two seeds give no useful interval; train with at least three seeds."


def percent(estimate: Estimate) -> str:
    """Return a share with its interval in percent.

    >>> percent(Estimate(0.421, 0.357, 0.488)), percent(Estimate(0.421, -float("inf"), float("inf")))
    ('42.1 % (35.7 to 48.8)', '42.1 % (no interval)')
    """
    value = f"{100 * estimate.value:.1f} %"
    if not estimate.bounded:
        return f"{value} (no interval)"
    return f"{value} ({100 * max(estimate.low, 0):.1f} to {100 * min(estimate.high, 1):.1f})"


def points(difference: Estimate) -> str:
    """Return a difference of two shares with its interval in percentage points.

    >>> points(Estimate(0.021, -0.004, 0.046))
    '+2.1 (-0.4 to +4.6)'
    """
    value = f"{100 * difference.value:+.1f}"
    if not difference.bounded:
        return value
    return f"{value} ({100 * max(difference.low, -1):+.1f} to {100 * min(difference.high, 1):+.1f})"


def ratio(estimate: Estimate) -> str:
    """Return a ratio with its interval.

    >>> ratio(Estimate(1.25, 0.9, 1.6)), ratio(Estimate(1.25, 0, float("inf")))
    ('1.25 (0.90 to 1.60)', '1.25')
    """
    return f"{estimate.value:.2f}" + (f" ({estimate.low:.2f} to {estimate.high:.2f})" if estimate.bounded else "")


def p_value(p: float) -> str:
    """Return a p-value with three digits.

    >>> p_value(0.0004), p_value(0.0412)
    ('<0.001', '0.041')
    """
    return "<0.001" if p < 0.001 else f"{p:.3f}"
