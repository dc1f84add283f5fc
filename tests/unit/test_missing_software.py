"""A test whose real part is not there is skipped by a developer, and fails in CI."""

import os
from pathlib import Path

import pytest

from tests.faults.harness.trace import why_unattachable, why_untraceable
from tests.support.missing_software import skip_or_fail

REASON = "Chromium is not installed: apt-get install chromium"


def test_a_developer_goes_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=REASON):
        skip_or_fail(REASON)


def test_in_ci_only_what_nobody_can_install_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=REASON):
        skip_or_fail(REASON)
    with pytest.raises(pytest.skip.Exception, match="forbidden"):
        skip_or_fail("forbidden by the kernel", installable=False)


def test_a_tracer_that_is_not_there_is_told_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    told = "strace is not installed: apt-get install strace"
    assert why_untraceable() == why_unattachable() == told


def test_a_tracer_that_the_kernel_refuses_is_told_with_its_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refused = "strace: attach: ptrace(PTRACE_SEIZE, 7): Operation not permitted"
    (tmp_path / "strace").write_text(f"#!/bin/sh\necho '{refused}' >&2\nexit 1\n")
    (tmp_path / "strace").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    told = f"strace may not trace here: {refused}"
    assert why_untraceable() == why_unattachable() == told
