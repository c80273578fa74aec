"""The page of guarantees says only what something shows."""

import re

from tests.project.checkout import ROOT

PAGE = ROOT / "docs" / "guarantees.md"


def test_every_guarantee_links_to_what_shows_it() -> None:
    """Each row of a table names an existing file of tests or of the laboratory."""
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    promises = [row for row in rows if not row.startswith(("| guarantee", "|---"))]
    assert len(promises) >= 20
    for promise in promises:
        links = re.findall(r"\]\(\.\./((?:tests|lab)/[\w./]+)\)", promise)
        assert links, promise
        assert all((ROOT / link).is_file() for link in links), promise
