"""Numbers as each language of the pages groups their digits. Knows no page."""

import gettext

# What stands between groups of three digits, and how many digits a number has at least that is grouped. Spanish: Real Academia
# Española, Ortografía, 2010. A space must not end a line.
_GROUPING = {"en": (",", 4), "es": ("\N{NO-BREAK SPACE}", 5)}


def group_digits(number: int, translations: gettext.NullTranslations) -> str:
    """Return a number that is not negative, as "10,000" in English."""
    # A catalogue says its language in its header; English has none.
    separator, min_digits = _GROUPING[translations.info().get("language", "en")]
    digits = str(number)
    return digits if len(digits) < min_digits else f"{number:,}".replace(",", separator)
