"""The one exception for what a person typed. Knows neither options nor keys."""


class BadInput(ValueError):
    """Input that a person at the terminal must change. The text holds no key, nor what was typed in place of one."""
