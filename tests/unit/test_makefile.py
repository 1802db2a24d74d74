"""What the Makefile says while a person waits for it."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_an_install_says_what_takes_a_minute_before_it_begins(tmp_path: Path) -> None:
    # A dry run, as if nothing had been installed.
    venv = tmp_path / "venv"
    listed = subprocess.run(
        ["make", "--dry-run", "--always-make", "install", f"VENV={venv}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.splitlines()
    said = [number for number, line in enumerate(listed) if line.startswith("echo ")]
    slow = [number for number, line in enumerate(listed) if "-m venv" in line or "pip install" in line]
    assert len(said) == 1
    assert listed[said[0]] == f'echo "Installing into {venv} from requirements.lock; this takes about a minute"'
    assert said[0] < min(slow)
