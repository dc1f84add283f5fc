"""Settings from an environment: defaults, refusals by name, and secrets that stay secret."""

from pathlib import Path

import pytest

from recommender.errors import BadSettings
from recommender.settings import PREFIX, SCOPES, VARIABLES, ApiKey, Settings

SECRET = "0123456789abcdef"  # noqa: S105 - nobody else's


def from_values(**values: str) -> Settings:
    return Settings.from_environment({PREFIX + name: value for name, value in values.items()})


def refusal(**values: str) -> str:
    with pytest.raises(BadSettings) as refused:
        from_values(**values)
    return str(refused.value)


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings(
        database_url="sqlite:///var/read-also.db",
        data_dir=Path("var"),
        model="bundled",
        api_keys=(),
        public_reads=False,
        workers=2,
    )


def test_the_documented_defaults_are_the_real_ones() -> None:
    assert from_values(**{variable.name: variable.default for variable in VARIABLES}) == Settings()


def test_variables_of_others_are_nothing_to_us() -> None:
    assert Settings.from_environment({"PATH": "/bin", "WORKERS": "9"}) == Settings()


def test_the_environment_of_the_process_is_read_where_none_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("READ_ALSO_WORKERS", "7")
    assert Settings.from_environment().workers == 7


def test_every_value_is_taken_over() -> None:
    settings = from_values(
        DATABASE_URL="sqlite:////srv/a.db",
        DATA_DIR="/srv/data",
        MODEL="/srv/model",
        API_KEYS=f"cms:read+write:{SECRET}",
        PUBLIC_READS="1",
        WORKERS="64",
    )
    assert settings == Settings(
        "sqlite:////srv/a.db",
        Path("/srv/data"),
        "/srv/model",
        (ApiKey("cms", frozenset({"read", "write"}), SECRET),),
        public_reads=True,
        workers=64,
    )
    assert settings.snapshots_dir == Path("/srv/data/snapshots")


@pytest.mark.parametrize("value", ["", "0", "-1", "65", "1000", "2.0", " 2", "02", "two", "٢"])
def test_a_count_of_workers_outside_1_to_64_is_refused_by_name(value: str) -> None:
    said = refusal(WORKERS=value)
    assert "READ_ALSO_WORKERS" in said
    assert repr(value) in said
    assert "1 to 64" in said


@pytest.mark.parametrize(
    ("value", "opened"),
    [
        ("1", True),
        ("true", True),
        ("Yes", True),
        ("0", False),
        ("FALSE", False),
        ("no", False),
        ("", False),
    ],
)
def test_a_switch_has_a_few_spellings(value: str, *, opened: bool) -> None:
    assert from_values(PUBLIC_READS=value).public_reads is opened


@pytest.mark.parametrize("value", ["2", "on", "maybe", " 1"])
def test_a_switch_that_is_neither_is_refused_by_name(value: str) -> None:
    said = refusal(PUBLIC_READS=value)
    assert "READ_ALSO_PUBLIC_READS" in said
    assert repr(value) in said


def test_an_unknown_variable_is_refused_with_the_known_ones() -> None:
    said = refusal(WORKER="3")
    assert "READ_ALSO_WORKER;" in said
    assert [v.name for v in VARIABLES if PREFIX + v.name not in said] == []


def test_keys_are_read_in_order_with_their_scopes() -> None:
    settings = from_values(
        API_KEYS=f" web:read:{SECRET}, cms:read+write:{SECRET}1 ,ops:admin:{SECRET}2,"
    )
    assert settings.api_keys == (
        ApiKey("web", frozenset({"read"}), SECRET),
        ApiKey("cms", frozenset({"read", "write"}), SECRET + "1"),
        ApiKey("ops", frozenset({"admin"}), SECRET + "2"),
    )


@pytest.mark.parametrize(
    "secret", ["-" * 16, "abc-def_ghi.jkl~", "a:b:c:d:e:f:g:h:i", "!\"#$%&'()*+/<=>?"]
)
def test_a_secret_may_hold_any_printable_character_but_a_comma(secret: str) -> None:
    assert from_values(API_KEYS=f"cms:read:{secret}").api_keys[0].secret == secret


@pytest.mark.parametrize(
    "key",
    [
        "cms:read:",
        "cms:read:0123456789abcde",
        "cms:read:0123456789 abcdef",
        "cms:read:0123456789ключики",
        "cms:read",
        f":read:{SECRET}",
        f"c m s:read:{SECRET}",
        f"cms::{SECRET}",
        f"cms:+:{SECRET}",
        f"cms:read+:{SECRET}",
        f"cms:READ:{SECRET}",
        f"cms:publish:{SECRET}",
        f"cms:read+publish:{SECRET}",
    ],
)
def test_a_malformed_key_is_refused_by_the_variables_name(key: str) -> None:
    said = refusal(API_KEYS=key)
    assert "READ_ALSO_API_KEYS" in said
    assert "name:scopes:secret" in said
    assert [scope for scope in SCOPES if scope not in said] == []


@pytest.mark.parametrize(
    "key", ["cms:publish:hunter2hunter2hunter2", "hunter2hunter2hunter2:read:cms"]
)
def test_a_refused_key_is_known_by_its_number_not_its_text(key: str) -> None:
    said = refusal(API_KEYS=f"web:read:{SECRET},{key}")
    assert "key number 2 " in said
    assert "hunter2" not in said


def test_two_keys_of_one_secret_are_refused() -> None:
    said = refusal(API_KEYS=f"cms:read:{SECRET},web:write:{SECRET}")
    assert "same secret" in said
    assert SECRET not in said


def test_two_keys_of_one_name_are_refused() -> None:
    said = refusal(API_KEYS=f"cms:read:{SECRET},cms:write:{SECRET}9")
    assert "READ_ALSO_API_KEYS" in said
    assert "same name" in said
    assert SECRET not in said


def test_writes_are_accepted_only_with_a_key_that_may_write() -> None:
    assert not Settings().accepts_writes
    assert not from_values(API_KEYS=f"web:read:{SECRET},ops:admin:{SECRET}1").accepts_writes
    assert from_values(API_KEYS=f"web:read:{SECRET},cms:write:{SECRET}1").accepts_writes


def test_no_repr_shows_a_secret() -> None:
    settings = from_values(API_KEYS=f"cms:write+read:{SECRET}")
    assert repr(settings.api_keys[0]) == "ApiKey(name='cms', scopes=['read', 'write'])"
    assert SECRET not in f"{settings!r} {settings} {settings.api_keys}"


@pytest.mark.parametrize(
    ("secret", "opens"),
    [
        (SECRET, True),
        (SECRET.upper(), False),
        (SECRET[:-1], False),
        (SECRET + "0", False),
        ("", False),
        ("ключ", False),
        ("\ud800", False),
    ],
)
def test_a_key_opens_to_its_whole_secret_only(secret: str, *, opens: bool) -> None:
    assert ApiKey("cms", frozenset({"read"}), SECRET).opens(secret) is opens


@pytest.mark.parametrize("keys", ["MySecretValueOf20chars", "cms:read:sixteen,characters-long"])
def test_what_may_be_a_secret_is_never_quoted(keys: str) -> None:
    said = refusal(API_KEYS=keys)
    assert "MySecret" not in said
    assert "characters-long" not in said


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATA_DIR", "MODEL"])
def test_an_empty_value_is_refused_by_name(name: str) -> None:
    assert f"{PREFIX}{name}" in refusal(**{name: ""})


def test_no_repr_shows_the_password_of_the_database() -> None:
    shown = repr(from_values(DATABASE_URL="postgresql://editor:hunter2@localhost/news"))
    assert "hunter2" not in shown
