"""The number of examples of Hypothesis: few in daily runs, many in long runs.

The profiles are chosen by `--hypothesis-profile`: `daily` (the default) tries the same examples
every time, `long` tries new ones.
"""

from typing import Any, Final

from hypothesis import HealthCheck, settings

__all__ = ["examples", "register_profiles"]

DAILY: Final = 40
LONG: Final = 300
USUAL: Final = 100
"""Hypothesis' own default number of examples."""


def register_profiles() -> None:
    """Register both profiles and load the daily one."""
    calm: dict[str, Any] = {
        "deadline": None,
        "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
    }
    settings.register_profile("daily", max_examples=DAILY, derandomize=True, **calm)
    settings.register_profile("long", max_examples=LONG, print_blob=True, **calm)
    settings.load_profile("daily")


def examples(count: int, **options: Any) -> settings:
    """Settings of a property that needs more or fewer examples than others.

    `count` is relative to Hypothesis' default of 100: under a profile of 40 examples, 200 means 80.
    A health check that is suppressed here is so beside those of the profile.
    """
    chosen = settings.default
    assert chosen is not None
    options["suppress_health_check"] = [
        *chosen.suppress_health_check,
        *options.get("suppress_health_check", ()),
    ]
    return settings(max_examples=max(1, count * chosen.max_examples // USUAL), **options)
