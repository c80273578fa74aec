"""What a release says about the packages that run in it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import yaml

from tests.project.checkout import ROOT

_PIN = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s;\\]+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def test_the_sbom_names_every_pinned_package_with_its_hashes(tmp_path: Path) -> None:
    """As many as are pinned, none without the hashes that the installer checks."""
    for name in ("Makefile", "pyproject.toml", "README.md", "requirements", "tools"):
        whole = ROOT / name
        (shutil.copytree if whole.is_dir() else shutil.copy)(whole, tmp_path / name)
    (command,) = re.findall(
        r"-m (cyclonedx_py .+?)\n\n", (ROOT / "Makefile").read_text(), re.DOTALL
    )
    words = command.replace("\\\n", " ").split()
    (tmp_path / "dist").mkdir()
    python = ROOT / ".venv" / "bin" / "python"
    subprocess.run([python, "-W", "ignore::UserWarning", "-m", *words], cwd=tmp_path, check=True)
    document = json.loads((tmp_path / "dist" / "sbom.json").read_text())
    assert document["bomFormat"] == "CycloneDX"
    said = {
        (one["name"], one["version"]): {
            each["content"] for link in one["externalReferences"] for each in link["hashes"]
        }
        for one in document["components"]
    }
    text = (ROOT / "requirements" / "runtime.txt").read_text()
    starts = [*_PIN.finditer(text)]
    ends = [*(one.start() for one in starts[1:]), len(text)]
    pinned = {
        (one[1], one[2]): set(_HASH.findall(text[one.start() : end]))
        for one, end in zip(starts, ends, strict=True)
    }
    assert len(pinned) > 30
    assert all(pinned.values())
    assert said == pinned


def test_only_the_last_step_of_a_release_may_write() -> None:
    """What builds can read alone, and what may write checks nothing out."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    assert workflow["permissions"] == {"contents": "read"}
    jobs = workflow["jobs"]
    assert "permissions" not in jobs["build"]
    assert jobs["publish"]["permissions"] == {"contents": "write"}
    used = [step.get("uses", "") for step in jobs["publish"]["steps"]]
    assert not any(one.startswith("actions/checkout") for one in used)
