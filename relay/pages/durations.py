"""Durations in words, in the language of a page."""

import gettext
import math


def describe_duration(seconds: float, translations: gettext.NullTranslations) -> str:
    """Return a duration in words, rounded up."""
    if seconds > 7_200:
        hours = math.ceil(seconds / 3_600)
        return translations.ngettext("%(num)s hour", "%(num)s hours", hours) % {"num": hours}
    if seconds > 90:
        minutes = math.ceil(seconds / 60)
        return translations.ngettext("%(num)s minute", "%(num)s minutes", minutes) % {"num": minutes}
    whole = math.ceil(seconds)
    return translations.ngettext("%(num)s second", "%(num)s seconds", whole) % {"num": whole}
