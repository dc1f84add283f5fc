"""A test whose software is missing is skipped on a developer's machine and fails in CI."""

import pytest

from tests.support.missing_software import skip_or_fail

REASON = "Chromium is not installed: apt-get install chromium"


def test_a_developers_machine_skips_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=REASON):
        skip_or_fail(REASON)


def test_in_ci_only_what_nobody_can_install_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=REASON):
        skip_or_fail(REASON)
    with pytest.raises(pytest.skip.Exception, match="forbidden"):
        skip_or_fail("forbidden by the kernel", installable=False)
