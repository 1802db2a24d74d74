"""The one exception for what a person typed. Knows neither options nor keys."""


class BadInput(ValueError):
    """Input that a person must change. The text repeats no key, nor what was typed in place of one."""
