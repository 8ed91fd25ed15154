"""The new text of a reply, apart from what it quotes."""

from __future__ import annotations

import re

_ATTRIBUTION = re.compile(
    r"(?:\b(?:wrote|writes|said|schrieb|schreibt|a écrit|escribió|ha scritto|schreef|skrev|escreveu)\b"
    r"[^\n]{0,40}"
    r"|^(?:Quoting|Zitat von|Citando)\b[^\n]{0,200})\s?:\s*$",
    re.IGNORECASE,
)
_HISTORY = re.compile(
    r"^\s*-{2,} ?(?:Original Message|Ursprüngliche Nachricht|Message d'origine|Mensaje original"
    r"|Oorspronkelijk bericht) ?-{2,}\s*$",
    re.IGNORECASE,
)
_OUTLOOK = re.compile(r"^\s*(?:\*?From|Von|De):\*? .+", re.IGNORECASE)
_OUTLOOK_NEXT = re.compile(
    r"^\s*\*?(?:Sent|Date|To|Gesendet|Datum|An|Envoyé|À|Cc|Subject|Betreff|Objet):", re.IGNORECASE
)


def quoted_reply_removed(text: str) -> str:
    """The text without quoted lines, their attributions, and an appended original message.

    Conservative: a line goes only when it is clearly history (`>` at its beginning, an attribution that a
    quotation follows, everything after an `Original Message` rule). What would be left empty is returned
    whole.
    """
    lines = _before_history(text.split("\n"))
    quoted = [_is_quote(each) for each in lines]
    kept: list[str] = []
    for index, line in enumerate(lines):
        if quoted[index]:
            _drop_attribution(kept) if index == 0 or not quoted[index - 1] else None
        else:
            kept.append(line)
    left = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip("\n")
    return left if left.strip() else text


def _is_quote(line: str) -> bool:
    return line.lstrip(" ").startswith(">") and not line.startswith(">From ")


def _before_history(lines: list[str]) -> list[str]:
    for index, line in enumerate(lines):
        if _HISTORY.match(line) or (
            _OUTLOOK.match(line) and _has_outlook_block(lines[index + 1 : index + 5])
        ):
            above = lines[:index]
            while above and (not above[-1].strip() or set(above[-1].strip()) == {"_"}):
                above.pop()
            return above if any(each.strip() for each in above) else lines
    return lines


def _has_outlook_block(following: list[str]) -> bool:
    return sum(bool(_OUTLOOK_NEXT.match(each)) for each in following) >= 2


def _drop_attribution(kept: list[str]) -> None:
    """Take an attribution of one to three lines off the end of `kept`, with the empty lines after it."""
    end = len(kept)
    while end and not kept[end - 1].strip():
        end -= 1
    for length in (1, 2, 3):
        candidate = kept[max(0, end - length) : end]
        if not candidate or not all(each.strip() for each in candidate):
            return
        joined = " ".join(each.strip() for each in candidate)
        if not _ATTRIBUTION.search(joined):
            return
        above = kept[end - length - 1] if end > length else ""
        if not above.strip() or re.match(r"(?:On|Am|Le|El|Il|Op|Den|Em|At|Quoting)\b", candidate[0].strip()):
            del kept[end - length :]
            return
