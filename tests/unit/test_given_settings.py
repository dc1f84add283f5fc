"""Settings from a TOML file: what wins, which types count, faults by file and name, and secrets."""

import re
from pathlib import Path

import pytest

from recommender.api_keys import ApiKey
from recommender.errors import BadSettings
from recommender.given_settings import without_secrets
from recommender.settings import PREFIX, VARIABLES, Settings, gather

ROOT = Path(__file__).parents[2]
SECRET = "0123456789abcdef"  # noqa: S105 - nobody else's


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def environment_with(toml: str, **values: str) -> dict[str, str]:
    Path("news.toml").write_text(toml, "utf-8")
    given = {"CONFIG": "news.toml", **values}
    return {PREFIX + name: value for name, value in given.items()}


def write_private(path: str, text: str) -> None:
    Path(path).touch(mode=0o600)
    Path(path).write_text(text, "utf-8", newline="")


def from_file(toml: str, **values: str) -> Settings:
    return Settings.from_environment(environment_with(toml, **values))


def faults_of(toml: str, **values: str) -> tuple[str, ...]:
    with pytest.raises(BadSettings) as refused:
        from_file(toml, **values)
    return refused.value.faults


def test_an_empty_file_gives_the_defaults() -> None:
    assert from_file("# nothing\n") == Settings.from_environment({})


def test_a_file_gives_what_the_environment_would_give() -> None:
    write_private("keys", f"cms:read+write:{SECRET}\n")
    toml = """
        database_url = "postgresql:///news?sslmode=require"
        data_dir = "/srv/news"
        model = "BAAI/bge-m3"
        dimensions = 256
        encoder_url = "http://127.0.0.1:8080/embed"
        encoder_key_file = "/run/key"
        encoder_languages = ["en", "fr"]
        api_keys = { file = "keys" }
        public_reads = true
        workers = 3
    """
    assert from_file(toml) == Settings.from_environment(
        {
            "READ_ALSO_DATABASE_URL": "postgresql:///news?sslmode=require",
            "READ_ALSO_DATA_DIR": "/srv/news",
            "READ_ALSO_MODEL": "BAAI/bge-m3",
            "READ_ALSO_DIMENSIONS": "256",
            "READ_ALSO_ENCODER_URL": "http://127.0.0.1:8080/embed",
            "READ_ALSO_ENCODER_KEY_FILE": "/run/key",
            "READ_ALSO_ENCODER_LANGUAGES": "en,fr",
            "READ_ALSO_API_KEYS": f"cms:read+write:{SECRET}",
            "READ_ALSO_PUBLIC_READS": "1",
            "READ_ALSO_WORKERS": "3",
        }
    )
    assert from_file("public_reads = false").public_reads is False
    assert from_file('dimensions = "256!"').encoding.dimensions is not None


def test_the_examples_that_are_shipped_are_accepted(tmp_path: Path) -> None:
    (page,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/settings.md").read_text(), re.DOTALL)
    secrets = {"keys": f"cms:read:{SECRET}", "database-url": "postgresql:///news"}
    for name, text in secrets.items():
        write_private(f"read-also-{name}", text)
    settings = from_file(page.replace("/run/secrets", str(tmp_path)))
    assert (settings.workers, settings.public_reads) == (4, True)
    assert settings.trusted_proxies == ("127.0.0.1", "::1")
    assert settings.database_url == secrets["database-url"]
    unit = (ROOT / "deploy/systemd/read-also.toml").read_text("utf-8")
    assert from_file(unit).data_dir == Path("/var/lib/read-also")


def test_the_environment_wins_also_with_an_empty_text() -> None:
    toml = 'workers = 3\ntitle_model = "mpnet"\nmodel = "bundled"'
    settings = from_file(toml, WORKERS="5", TITLE_MODEL="")
    assert (settings.workers, settings.encoding.title_model, settings.model) == (5, "", "bundled")


def test_each_setting_says_where_it_was_given() -> None:
    given = gather(environment_with('workers = 3\nmodel = "m"', MODEL="bundled"))
    assert given.source("WORKERS") == "news.toml"
    assert given.source("MODEL") == "environment"
    assert given.source("DATA_DIR") == "default"
    assert list(given) == [variable.name for variable in VARIABLES]
    assert given["WORKERS"] == "3"


def test_a_file_of_keys_in_the_settings_file_replaces_the_credential_of_systemd() -> None:
    for path, name in (("read-also-keys", "ops"), ("own", "front")):
        Path(path).touch(mode=0o600)
        Path(path).write_text(f"{name}:lists:{SECRET}", "utf-8")
    environment = environment_with("") | {"CREDENTIALS_DIRECTORY": str(Path.cwd())}
    assert [key.name for key in Settings.from_environment(environment).api_keys] == ["ops"]
    Path("news.toml").write_text('keys_file = "own"', "utf-8")
    assert [key.name for key in Settings.from_environment(environment).api_keys] == ["front"]


@pytest.mark.parametrize(
    ("toml", "fault"),
    [
        ("wokers = 3", "wokers: unknown setting; did you mean workers? rename or remove it"),
        ("WORKERS = 3", "WORKERS: unknown setting; did you mean workers? rename or remove it"),
        ("read_also_workers=3", "read_also_workers: unknown setting; did you mean workers? rename"),
        ("colour = 3", "colour: unknown setting; remove it"),
        ('config = "b.toml"', "config: a settings file cannot name another; remove it"),
        ('workers = "3"', "workers: is not a whole number, nor { file = PATH }"),
        ("workers = true", "workers: is not a whole number, nor { file = PATH }"),
        ("workers = 2.0", "workers: is not a whole number, nor { file = PATH }"),
        ("workers = 0", "workers: '0' is not a whole number from 1 to 64"),
        ("public_reads = 1", "public_reads: is not true or false, nor { file = PATH }"),
        ("model = true", "model: is not a text, nor { file = PATH }"),
        ("model = 2026-11-29", "model: is not a text, nor { file = PATH }"),
        ('model = ""', "model: is empty; leave it unset for its default"),
        ("dimensions = true", "dimensions: is not a whole number or a text"),
        ("encoder_languages = [1]", "encoder_languages: is not an array of texts or a text"),
        ('encoder_languages = ["a,b"]', "encoder_languages: is not an array of texts or a text"),
        ('[workers]\nfiel = "x"', "workers: a table here is { file = PATH } and nothing else"),
        ('workers = { file = "/nowhere" }', "workers: cannot read /nowhere: No such file or dir"),
        ('workers = { file = "news.toml" }', "workers: 'workers = "),
    ],
)
def test_a_fault_in_the_file_is_told_with_the_file_and_the_name(toml: str, fault: str) -> None:
    faults = faults_of(toml)
    assert len(faults) == 1
    assert faults[0].startswith(f"news.toml: {fault}")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"workers 3", "news.toml: is no TOML: Expected '='"),
        (b"workers = 3\nworkers = 4", "news.toml: is no TOML: Cannot overwrite a value"),
        (b"model = '\xff'", "news.toml: is no TOML: it is not UTF-8"),
        (None, "READ_ALSO_CONFIG: cannot read news.toml: No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(
    content: bytes | None, fault: str
) -> None:
    if content is not None:
        Path("news.toml").write_bytes(content)
    with pytest.raises(BadSettings) as refused:
        Settings.from_environment({"READ_ALSO_CONFIG": "news.toml"})
    assert [said[: len(fault)] for said in refused.value.faults] == [fault]


def test_all_faults_are_told_at_once_each_where_it_was_given() -> None:
    toml = "workers = 99\nmodle = 'm'\nencoder_key_file = 'k'"
    assert faults_of(toml, PUBLIC_READS="maybe", MODLE="m", DATA_DIR="") == (
        "unknown setting READ_ALSO_MODLE; did you mean READ_ALSO_MODEL? rename or remove it",
        "news.toml: modle: unknown setting; did you mean model? rename or remove it",
        "READ_ALSO_DATA_DIR: is empty; leave it unset for its default",
        "news.toml: encoder_key_file: is of no use without READ_ALSO_ENCODER_URL",
        "READ_ALSO_PUBLIC_READS: 'maybe' is neither 1 nor 0",
        "news.toml: workers: '99' is not a whole number from 1 to 64",
    )


@pytest.mark.parametrize(
    "toml",
    [
        f'api_keys = "cms:read:{SECRET}"',
        f'api_keys = ["web:read:{SECRET}"]',
        f'database_url = "postgresql://news:{SECRET}@db/news"',
        f'database_url = "postgresql://db/news?password={SECRET}"',
        f'encoder_url = "https://api.example/embed?key={SECRET}"',
    ],
)
def test_a_secret_in_the_file_itself_is_refused_with_the_remedy(toml: str) -> None:
    name = toml.partition(" ")[0]
    (fault,) = faults_of(toml)
    assert fault.startswith(f"news.toml: {name}: holds a secret")
    assert f'{name} = {{ file = "PATH" }}' in fault
    assert SECRET not in fault


def test_a_secret_may_lie_in_a_file_of_its_own() -> None:
    write_private("keys", f"cms:read:{SECRET}\r\n")
    write_private("address", f"postgresql://news:{SECRET}@db/news")
    given = gather(
        environment_with('api_keys = {file = "keys"}\ndatabase_url = {file = "address"}')
    )
    settings = Settings.from_given(given)
    assert settings.api_keys == (ApiKey.of("cms", {"read"}, SECRET),)
    assert settings.database_url == f"postgresql://news:{SECRET}@db/news"
    shown = [given.shown(variable) for variable in given.variables if variable.secret]
    assert shown == ["postgresql://news:(hidden)@db/news", "", "", "(hidden)"]
    assert SECRET not in repr(given)


@pytest.mark.parametrize("name", ["api_keys", "database_url"])
def test_a_file_with_a_secret_that_everybody_may_open_is_refused(name: str) -> None:
    Path("secret").write_text(f"cms:read:{SECRET}", "utf-8")
    Path("secret").chmod(0o644)
    (fault,) = faults_of(f'{name} = {{ file = "secret" }}')
    assert fault.startswith(f"news.toml: {name}: secret: everybody on this machine may open it")
    assert fault.endswith("run: chmod o= secret")
    Path("secret").write_text("3")
    assert from_file('workers = { file = "secret" }').workers == 3


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("sqlite:////srv/a.db", "sqlite:////srv/a.db"),
        ("postgresql+psycopg://news@db:5432/x", "postgresql+psycopg://news@db:5432/x"),
        ("postgresql://n:a@b:c@db/x", "postgresql://n:(hidden)@db/x"),
        ("postgresql://n:aB/cD=@db/x", "postgresql://n:(hidden)@db/x"),
        ("postgresql://n:s3?x#y@db:5432/x", "postgresql://n:(hidden)@db:5432/x"),
        ("https://api.example:8443/mail?to=a:b@c", "https://api.example:(hidden)@c"),
        ("https://api.example/mail?to=a:b@c", None),
        ("postgresql://db/x?sslmode=require&sslpassword=a", None),
        ("https://api.example/embed?v=2", None),
        ("http://[::1", "(hidden)"),
        ("cms:read:x://abcdefghijklm", "(hidden)"),
    ],
)
def test_an_address_is_shown_without_its_secrets(text: str, shown: str | None) -> None:
    wanted = f"{text.rpartition('&' if '&' in text else '?')[0]}{'&' if '&' in text else '?'}"
    assert without_secrets(text) == (f"{wanted}(hidden)" if shown is None else shown)
