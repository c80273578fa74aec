"""When an answer counts as a prompt: pure."""

import re

from prompt_queue.jobs.errors import Refused, Transient

FEWEST_WORDS = 5
MOST_WORDS = 160
MOST_CHARACTERS = 2000
_MOST_READ = 8000

_MARKDOWN = re.compile(
    r"^[^\S\n]{0,3}#{1,6}\s"  # headings
    r"|^[^\S\n]*(?:[-*+\u2022]|\d{1,2}[.)])\s"  # bullets and numbered lists
    r"|^[^\S\n]*>\s"  # quotations
    r"|`|\*\*|__|~~"  # code and emphasis
    r"|(?<![\w*])\*(?=\S)[^*\n]+\*(?![\w*])"  # emphasis
    r"|\]\(|^[^\S\n]*\|.*\|[^\S\n]*$",  # links and tables
    re.MULTILINE | re.IGNORECASE,
)
_TAG = re.compile(r"</?[a-z]", re.IGNORECASE)
# A program reads these, and an image-editing model does not.
_MACHINE = re.compile(
    r"^[{\[]|\b[a-z][a-z0-9+.-]{0,30}://|\b(?:javascript|data|vbscript):", re.IGNORECASE
)
_UNABLE = (
    r"(?:can(?:not|'t| not)|won't|will not|(?:am|'m) (?:unable|not able)|must (?:decline|refuse))"
)
_REFUSAL = re.compile(
    r"^(?:unfortunately|sorry|apologies|i apologi[sz]e|i(?:'m| am)(?: \w+)? sorry)\b"
    rf"|^i ?{_UNABLE}\b"
    rf"|^as an? (?:ai|language model)\b.*\bi ?{_UNABLE}\b",
    re.IGNORECASE | re.DOTALL,
)
_META = re.compile(
    r"^(?:here(?:'s| is| are)\b|sure\b|certainly\b|of course\b|absolutely\b|okay\b|ok\b|great\b"
    r"|as an? (?:ai|language model)\b|i(?:'ve|'ll|'d| can| will| would| have| see)\b|let me\b"
    r"|(?:this|the) (?:instruction|prompt)\b"
    r"|(?:image[- ])?(?:edit(?:ing)?[- ])?(?:prompt|instructions?)\s*:"
    r"|(?:final |edit )?answer\s*:|note\s*:)"
    r"|\b(?:let me know if|i hope this helps|feel free to)\b",
    re.IGNORECASE,
)
_QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u2018": "\u2019", "\u00ab": "\u00bb"}
_LOOSE_QUOTE = r"(?<!\w){0}|{0}(?!\w)"


def validate_prompt(text: str) -> str:
    """The prompt as one plain paragraph.

    Raises Refused for an apology or a refusal in words, Transient for everything else that is no
    image-edit instruction: another attempt may bring one.
    """
    # The patterns take their time; what is so long is no prompt, whatever it says.
    read = text[:_MOST_READ]
    shown = read if read.isprintable() else "".join(map(_printable, read))
    clean = _without_quotes(shown.strip())
    prompt = " ".join(clean.split())
    straight = prompt.replace("\u2019", "'")
    if _REFUSAL.search(straight):
        raise Refused
    if len(text) > _MOST_READ:
        raise _unusable("it was too long")
    found = any(pattern.search(one) for pattern in (_MARKDOWN, _MACHINE) for one in (clean, prompt))
    if found or _has_tag(prompt) or _META.search(straight):
        raise _unusable("it was not a plain instruction")
    words = prompt.split()
    if not words:
        raise _unusable("it was empty")
    if len(words) < FEWEST_WORDS:
        raise _unusable("it was too short")
    if len(words) > MOST_WORDS or len(prompt) > MOST_CHARACTERS:
        raise _unusable("it was too long")
    return prompt


def _has_tag(text: str) -> bool:
    """Whether HTML is in it: a pattern would look for the end of each tag that has none."""
    begun = _TAG.search(text)
    return begun is not None and ">" in text[begun.end() :]


def _printable(character: str) -> str:
    """Line ends stay, because markdown shows in them; control and invisible characters go."""
    if character == "\r":
        return "\n"
    return character if character.isprintable() or character.isspace() else ""


def _without_quotes(text: str) -> str:
    closing = _QUOTES.get(text[:1])
    if closing is None or len(text) < 2 or text[-1] != closing:
        return text
    inner = text[1:-1]
    return (
        text if re.search(_LOOSE_QUOTE.format(closing), inner) else _without_quotes(inner.strip())
    )


def _unusable(reason: str) -> Transient:
    return Transient(f"Grok's answer could not be used: {reason}; please try again.")
