"""Where a text holds what is private: mail addresses, phone numbers, cards, bank accounts, keys; `redaction` hides it.

Pure. What has a checksum is believed only where that is right; the rest is known by its form, which may err both ways.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

__all__ = ["PATTERNS", "Pattern", "pieces_of"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind of thing to find.

    Attributes:
        expression: Matches what may be one.
        size: Gives how many of the match's characters are one, from its start; 0 is none.
        hint: Matches somewhere in every text that holds one; it is quicker.
    """

    expression: re.Pattern[str]
    size: Callable[[str], int] = len
    hint: re.Pattern[str] | None = None

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Give where each of them begins and ends, in order."""
        if self.hint is not None and self.hint.search(text) is None:
            return
        begin = 0
        while (match := self.expression.search(text, begin)) is not None:
            begin = match.start()
            size = self.size(match[0])
            if size:
                yield begin, begin + size
            begin += size or 1  # one may begin within what was none


def pieces_of(text: str, patterns: Mapping[str, Pattern]) -> tuple[tuple[str | None, str], ...]:
    """Cut a text where something is found: each piece with its kind, None for what stands between."""
    pieces: list[tuple[str | None, str]] = [(None, text)]
    for kind, pattern in patterns.items():
        pieces = [piece for before in pieces for piece in ([before] if before[0] else _cut(before[1], kind, pattern))]
    return tuple(pieces)


def _cut(text: str, kind: str, pattern: Pattern) -> list[tuple[str | None, str]]:
    pieces: list[tuple[str | None, str]] = []
    done = 0
    for begin, end in pattern.find(_plain(text)):
        pieces += (None, text[done:begin]), (kind, text[begin:end])
        done = end
    return [*pieces, (None, text[done:])]


def _plain(text: str) -> str:
    """Give a text of the same length in which JSON's line breaks are spaces, and rare spaces and hyphens the usual."""
    if "\\" in text:
        text = _ESCAPE.sub("  ", text)
    return text if text.isascii() else text.translate(_USUAL)


_ESCAPE = re.compile(r"\\[nrt]")  # else their letter would be taken for the beginning of what follows
_USUAL = dict.fromkeys((0xA0, *range(0x2000, 0x200B), 0x202F), " ") | dict.fromkeys(range(0x2010, 0x2016), "-")


def _card(found: str) -> int:
    """Check the Luhn digit of ISO/IEC 7812-1; a date or a code may follow, and what is in pairs is a list."""
    groups = [group.span() for group in re.finditer("[0-9]+", found)]
    while groups and groups[-1][1] >= 14:
        size = groups[-1][1]
        digits = [int(sign) for sign in reversed(found[:size]) if sign.isdigit()]
        doubled = (digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2])
        grouped = all(end - begin > 2 for begin, end in groups)
        if grouped and len(digits) >= 14 and (sum(digits[::2]) + sum(doubled)) % 10 == 0:
            return size
        groups.pop()
    return 0


def _iban(found: str) -> int:
    """Check the length and the remainder of ISO 13616; what follows may look as if it belonged to it."""
    length = _LENGTHS.get(found[:2].upper(), 0)
    places = [place for place, sign in enumerate(found) if sign != " "][:length]
    if not length or len(places) < length:
        return 0
    size = places[-1] + 1
    plain = found[:size].replace(" ", "")
    number = "".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])
    return size if int(number) % 97 == 1 and not found[size : size + 1].isalnum() else 0


def _phone(found: str) -> int:
    """Count the digits: 8 to 15 by ITU-T E.164 with a country's code, 9 to 12 behind one 0, 10 in North America."""
    if found.count("(") != found.count(")"):  # the first stands around more than the number
        return 0
    digits = sum(sign.isdigit() for sign in found)
    abroad = found.startswith(("+", "00", "(+"))
    least, most = (8, 17) if abroad else (9, 12) if found.lstrip("(").startswith("0") else (10, 11)
    return len(found) if least <= digits <= most else 0


_REGISTRY = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 "
    "ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 "
    "LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 "
    "PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
)
"""Countries and how long their account numbers are (https://www.swift.com/standards/data-standards/iban)."""

_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _REGISTRY.split()}

_CARD = (
    r"(?:4(?:[ -]?[0-9]){15,18}"  # Visa; its old ones of 13 digits look like the numbers of articles
    r"|3[47](?:[ -]?[0-9]){13,17}"  # American Express
    r"|3[068](?:[ -]?[0-9]){12,17}"  # Diners Club
    r"|(?:2[2-7]|35|5[0-9]|6[0-9])(?:[ -]?[0-9]){14,17})"  # Mastercard, JCB, Maestro, Discover, UnionPay
)
_KEY = (
    r"\b(?:sk|rk|pk|gsk|xai|hf|pplx|nvapi|glpat|npm)[-_](?=[\w-]{0,40}[0-9])[\w-]{16,}"  # models, Stripe, npm
    r"|\b(?:gh[pousr]_|github_pat_)\w{20,}|\bxox[a-z]-[\w-]{10,}"  # GitHub, Slack
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{30,}"  # Amazon, Google
    r"|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+"  # a JSON Web Token
    r"|(?<=\bBearer )[\w.~+/-]{16,}=*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
)

PATTERNS = {
    "key": Pattern(re.compile(_KEY), hint=re.compile(r"[\w.~+/-]{14}|-----B")),
    "email": Pattern(re.compile(r"(?<![\w.%+-])[\w.%+-]+@(?:[\w-]+\.)+[^\W\d_]{2,}")),
    "iban": Pattern(re.compile(r"(?<![^\W_])[A-Za-z]{2}[0-9]{2}(?: ?[A-Za-z0-9]){11,30}"), _iban),
    "card": Pattern(re.compile(rf"(?<![\w.-]){_CARD}(?![\w-])"), _card),
    "phone": Pattern(
        re.compile(
            r"(?<![\w+/-])(?<![0-9]\.)(?![0-9]{1,2}[ /-][0-9]{1,2}[ /-](?:19|20)[0-9]{2}\b)"  # that is a date
            r"(?:\(?(?:\+|00)(?:1(?=[ ()./-]{0,2}[2-9])|[2-9])(?:[ ()./-]{0,2}[0-9]){7,14}"  # with a country's code
            r"|\(?0[1-9](?:[ ()/-]{0,2}[0-9]){7,10}"  # within a country, after its 0
            r"|(?:1[ .-])?\(?[2-9][0-9]{2}(?:\)?[ -]|\.(?=[0-9]{3}\.))[2-9][0-9]{2}[ .-][0-9]{4})"  # in North America
            r"(?!\w|[:.-][0-9])"
        ),
        _phone,
    ),
}
"""By kind, in the order in which they are looked for."""
