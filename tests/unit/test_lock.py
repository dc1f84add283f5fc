"""CI installs only released packages, pinned and with hashes."""

import re
from pathlib import Path

LOCK = (Path(__file__).parents[2] / "requirements.lock").read_text("utf-8")


def test_every_entry_is_a_pinned_release_with_hashes() -> None:
    entries = re.split(r"\n(?=[a-z])", LOCK.split("\n", 1)[1].strip())
    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[a-z0-9-]+==[0-9][0-9a-z.]* \\\n    --hash=sha256:[0-9a-f]{64}", entry), (
            entry
        )


def test_the_lock_holds_no_torch_and_no_addresses() -> None:
    assert re.findall(r"^(?:torch|nvidia-|cuda-|triton).*$", LOCK, re.MULTILINE) == []
    assert "://" not in LOCK
    assert "file:" not in LOCK
