"""No module of the pages turns a text into markup or code, and each address passes its judge."""

import re
from pathlib import Path
from typing import Any, Final

import pytest

from tests.web.test_dashboard_parts import STATIC, Call, js

__all__ = ["js"]
MODULES: Final = sorted(STATIC.rglob("*.js"))
NEVER: Final = {
    "markup": r"\b(?:inner|outer)HTML\b|insertAdjacentHTML|setHTMLUnsafe|parseHTMLUnsafe|srcdoc"
    r"|createContextualFragment|DOMParser|\bdocument\s*\.\s*write",
    "code": r"\beval\s*\(|\bnew\s+Function\b|\bFunction\s*\("
    r"|\bset(?:Timeout|Interval)\s*\(\s*['\"`]|javascript:|\bimport\s*\(",
    "a listener by its name": r"setAttribute(?:NS)?\(\s*['\"`]on|\.on[a-z]+\s*=(?!=)",
    "an address that nobody judged": r"\.(?:href|src|srcset|action|formAction|data)\s*=(?![=>])"
    r"|setAttribute(?:NS)?\(\s*['\"`](?:href|src|srcset|action|formaction|xlink:href|style)\b",
    "another place for the page": r"\blocation(?:\.href)?\s*=(?!=)|\blocation\.(?:assign|replace)\b"
    r"|\bwindow\.open\b|\bopen\(\s*['\"`]http",
}
# An attribute whose name is no word in the source: here alone, and what these may set.
BY_NAME: Final = {
    "shared/dom.js": "the judge itself",
    "generate/element.js": "its own attributes, which are a list of fields",
    "generate/parts.js": "what a progress bar says of itself",
}
NAMED: Final = re.compile(r"setAttribute(?:NS)?\(\s*(?!['\"`])")


def code(path: Path) -> str:
    """The source without its comments."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text("utf-8"), flags=re.DOTALL)
    return re.sub(r"(?m)(?:^|\s)//.*$", "", text)


def found(source: str) -> list[str]:
    """What of all this a source has."""
    return [what for what, pattern in NEVER.items() if re.search(pattern, source)]


def test_no_module_makes_markup_or_code_of_a_text() -> None:
    """Neither does it give an element an address that has not been judged."""
    assert len(MODULES) > 50
    assert {str(path): said for path in MODULES if (said := found(code(path)))} == {}


def test_attributes_by_a_computed_name_are_set_in_three_places() -> None:
    """One of them judges; the two others have lists of names, none of which is an address."""
    places = {str(path.relative_to(STATIC)) for path in MODULES if NAMED.search(code(path))}
    assert places == set(BY_NAME)


def test_no_template_lets_markup_through() -> None:
    """Jinja escapes everything, and no page has a script or a style of its own within it."""
    templates = sorted((STATIC.parent / "templates").rglob("*.html"))
    assert len(templates) > 5
    for path in templates:
        text = path.read_text("utf-8")
        assert not re.search(r"\|\s*safe\b|autoescape|Markup|\son[a-z]+\s*=|javascript:", text), (
            path
        )
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=", text), path


@pytest.mark.parametrize(
    "line",
    ["node.innerHTML = text", "node.insertAdjacentHTML('x', text)", "document.write(text)",
     "eval(text)", "new Function(text)", "node.setAttribute('onclick', text)",
     "node.onclick = deed", "frame.srcdoc = text",
     "anchor.href = url", "photo.src= url", "node.setAttribute('href', url)", "location.href = url",
     "location = url", "setTimeout('run()', 5)", "form.action = url"],
)  # fmt: skip
def test_what_must_not_be_there_would_be_found(line: str) -> None:
    """The patterns mean what they say."""
    assert found(line)


HERE: Final = "http://localhost"
LINKS: Final = {
    "https://a.example/x": True, "http://a.example": True, "/ops/jobs": True, "?theme=dark": True,
    "javascript:x()": False, "JaVaScRiPt:x()": False, "java\tscript:x()": False,
    " javascript:x()": False, "\x01javascript:x()": False, "data:text/html,x": False,
    "vbscript:x": False,
    "blob:http://a/x": False, "file:///etc/passwd": False, "http://[": False,
}  # fmt: skip


@pytest.mark.parametrize(("address", "fit"), LINKS.items())
def test_a_link_leads_to_http_alone(js: Call, address: str, fit: bool) -> None:
    """As a browser reads it, whatever it looks like; given back as it was."""
    assert js("shared/address.js", "linkAddress", address) == (address if fit else None)


@pytest.mark.parametrize(
    ("address", "shown", "whole"),
    [("https://a.example/x.png", True, True), ("data:image/png;base64,AA==", True, True),
     ("blob:http://localhost/1", True, True), ("/files/x.png", True, True),
     ("files/x.png", True, False), ("data:text/html,x", False, False),
     ("javascript:x()", False, False), (None, False, False), (7, False, False)],
)  # fmt: skip
def test_a_picture_comes_from_where_pictures_are(
    js: Call, address: Any, shown: bool, whole: bool
) -> None:
    """The button shows whole addresses alone: a path of a private bucket is none."""
    assert js("shared/address.js", "imageAddress", address) == (address if shown else None)
    assert js("shared/address.js", "shownAddress", address) == (address if whole else None)


@pytest.mark.parametrize(
    ("address", "path"),
    [(f"{HERE}/samples/a.jpg", "/samples/a.jpg"),
     ("https://other.example/files/a.jpg", "/files/a.jpg"),
     ("https://other.example/a.jpg", None), (f"{HERE}//evil.example/x", "/evil.example/x"),
     (f"{HERE}/\\evil.example/x", "/evil.example/x"), ("//evil.example/x", None),
     ("http://[", None), ("javascript:/files/x", None), ("", None), (None, None)],
)  # fmt: skip
def test_a_path_of_our_own_never_names_another_host(
    js: Call, address: str | None, path: str | None
) -> None:
    """Two slashes at its start would; what cannot be read has none."""
    assert js("shared/address.js", "ownPath", address) == path


@pytest.mark.parametrize(
    ("words", "end"),
    [("plain", ""), ("a\u202eb", "\u202c"), ("a\u202eb\u202c", ""),
     ("\u2066a\u202eb", "\u202c\u2069"), ("\u2066a\u202eb\u2069", ""),
     ("\u202ea\u2069", "\u202c"), ("\u202c\u2069", "")],
)  # fmt: skip
def test_words_that_turn_others_around_end_with_their_quotes(
    js: Call, words: str, end: str
) -> None:
    """Whatever they leave open is closed before the sentence goes on."""
    assert js("shared/format.js", "quoted", words) == f"“{words}{end}”"
