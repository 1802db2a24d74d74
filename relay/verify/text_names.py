"""The names that may stand beside keys in a text, and the words between two keys. Patterns only.

docs/ring-notes.md, form D, step 2, has them under the same names. Nobody signed a name, and whoever posts the words first may
write it: so it is two words at most, the second in upper case where its script has one, and none that turns a list around.
"""

# "and" and "or" in the languages of the labels.
AND = r"(?:and|or|und|oder|et|ou|y|e|o|en|of|i|lub|\u0438|\u0438\u043b\u0438|&|\+)(?=[ \t\r\n])"
# Latin, Greek, Cyrillic, Hebrew and Arabic. No accents by themselves, no marks, and no dots inside: clients make links of those.
_LETTER = (
    r"A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0386\u0388-\u03ff\u0400-\u0481\u048a-\u052f"
    r"\u05d0-\u05ea\u0620-\u064a\u1e00-\u1eff"
)
# Kana, Han and Hangul: few of them are a sentence.
_SYLLABLE = r"\u3041-\u3096\u30a1-\u30fa\u30fc\u4e00-\u9fff\uac00-\ud7a3"
_END = rf"(?![.{_LETTER}{_SYLLABLE}0-9_'\u2019-])"
_NO = (
    r"(?:[Nn](?:o|on|ot|ever|icht|ie|iemals|unca|\u00e3o|iet|ooit|igdy)|[Kk]eine?|[Pp]as|[Jj]amais|[Mm]ai|[Ww]ithout|[Oo]hne"
    r"|[Ss]ans|[Ss]in|[Ss]em|[Ss]enza|[Zz]onder|[Bb]ez|\u043d\u0435|\u041d\u0435|\u0431\u0435\u0437|\u0411\u0435\u0437"
    r"|\u4e0d|\u6ca1|\u975e|\u7121)"
)
_WORD = rf"(?!{AND}|{_NO}{_END})(?:[{_SYLLABLE}]{{1,8}}|[{_LETTER}][{_LETTER}0-9_'\u2019-]{{0,15}}\.?){_END}"
_LOWER = r"a-z\u00df-\u00f6\u00f8-\u00ff\u03ac-\u03ce\u0430-\u045f"
_NUMBER = rf"[0-9]{{1,4}}{_END}"
# "jack", "Edward Snowden", "Ring Member 2", and not "lies again".
NAME = rf"{_WORD}(?: (?:(?![{_LOWER}]){_WORD}|{_NUMBER}))?(?: {_NUMBER})?"
