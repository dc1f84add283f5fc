"""Settings from an environment: defaults, refusals by name, and secrets that stay secret."""

from pathlib import Path

import pytest

from recommender.api_keys import SCOPES, ApiKey
from recommender.encoding_settings import Dimensions, EncoderServer, EncodingSettings
from recommender.errors import BadSettings
from recommender.settings import PREFIX, VARIABLES, Settings, log_form

SECRET = "0123456789abcdef"  # noqa: S105 - nobody else's


def from_values(**values: str) -> Settings:
    return Settings.from_environment({PREFIX + name: value for name, value in values.items()})


def refusal(**values: str) -> str:
    with pytest.raises(BadSettings) as refused:
        from_values(**values)
    return str(refused.value)


DEFAULTS = Settings(
    database_url="sqlite:///var/read-also.db",
    data_dir=Path("var"),
    model="auto",
    api_keys=(),
    public_reads=False,
    workers=2,
)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_empty_environment_and_variables_of_others_give_the_defaults() -> None:
    assert Settings.from_environment({"PATH": "/bin", "WORKERS": "9"}) == DEFAULTS


def test_the_documented_defaults_are_the_real_ones() -> None:
    written = {v.name: v.default for v in VARIABLES if v.name != "DATABASE_URL"}
    assert from_values(**written) == DEFAULTS


def test_the_default_store_lies_in_the_data_folder() -> None:
    settings = from_values(DATA_DIR="/srv/news")
    assert settings.database_url == "sqlite:////srv/news/read-also.db"
    assert settings.data.database == Path("/srv/news/read-also.db")


def test_a_data_folder_that_no_address_can_name_is_refused() -> None:
    assert "READ_ALSO_DATA_DIR" in refusal(DATA_DIR="/srv/what?")
    assert from_values(DATA_DIR="/srv/what?", DATABASE_URL="sqlite:///a.db").data_dir


@pytest.fixture
def old_store(empty_folder: Path) -> Path:
    """A store at the default path of earlier releases, outside the data folder."""
    path = empty_folder / "var" / "read-also.db"
    path.parent.mkdir()
    path.touch()
    return path


def test_snapshots_without_their_store_name_the_old_store(
    old_store: Path, empty_folder: Path
) -> None:
    (empty_folder / "data" / "snapshots").mkdir(parents=True)
    said = refusal(DATA_DIR="data")
    assert str(old_store) in said
    assert "data/read-also.db" in said
    assert f"READ_ALSO_DATABASE_URL=sqlite:///{old_store}" in said
    assert from_values(DATA_DIR="data", DATABASE_URL=f"sqlite:///{old_store}").data_dir


def test_an_old_store_with_a_new_data_folder_is_only_a_warning(
    old_store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert from_values(DATA_DIR="data").database_url == "sqlite:///data/read-also.db"
    assert str(old_store) in caplog.text


@pytest.mark.usefixtures("old_store")
def test_a_store_in_the_data_folder_is_used_without_a_word(
    empty_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (empty_folder / "data" / "snapshots").mkdir(parents=True)
    (empty_folder / "data" / "read-also.db").touch()
    assert from_values(DATA_DIR="data").database_url == "sqlite:///data/read-also.db"
    assert from_values().database_url == "sqlite:///var/read-also.db"
    assert caplog.text == ""


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
        DIMENSIONS="256",
        API_KEYS=f"cms:read+write:{SECRET}",
        PUBLIC_READS="1",
        PUBLIC_URL="https://related.example/news/",
        TIME_ZONE="Asia/Dushanbe",
        WORKERS="64",
        OPERATORS_ADDRESS="0.0.0.0:9000",
        TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8",
    )
    assert settings == Settings(
        "sqlite:////srv/a.db",
        Path("/srv/data"),
        "/srv/model",
        (ApiKey.of("cms", {"read", "write"}, SECRET),),
        public_reads=True,
        public_url="https://related.example/news",
        time_zone="Asia/Dushanbe",
        workers=64,
        operators_address="0.0.0.0:9000",
        trusted_proxies=("127.0.0.1", "10.0.0.0/8"),
        encoding=EncodingSettings(Dimensions(256)),
    )
    assert settings.data.snapshots == Path("/srv/data/snapshots")
    assert from_values(WORKERS="1").workers == 1
    assert from_values(TITLE_MODEL="./mpnet").encoding.title_model == "./mpnet"
    assert from_values(DIMENSIONS="64!").encoding.dimensions == Dimensions(64, insists=True)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("WORKERS", ["", "0", "-1", "65", "1000", "2.0", " 2", "02", "two", "٢"]),
        ("TIME_ZONE", ["", "Dushanbe", "Asia", "Asia/", "../UTC", "+05:00", "utc0"]),
        ("AUDIT_DAYS", ["0", "10000", "ever", ""]),
        ("RATE_PER_KEY", ["0", "-1", "6/s", "1.5", "10000000", "٢"]),
        ("RATE_PER_ADDRESS", ["0", "many"]),
        ("RATE_OF_UNKNOWN_KEYS", ["0", "off"]),
        ("OPERATORS_ADDRESS", ["8081", ":8081", "localhost", "localhost:x", "localhost:65536"]),
        ("TRUSTED_PROXIES", ["*", "nginx", "10.0.0.1/8"]),
        ("PUBLIC_READS", ["2", "on", "maybe", " 1"]),
        (
            "PUBLIC_URL",
            [
                *("related.example", "//related.example", "ftp://related.example", "https://"),
                *("https://me:secret@related.example", "https://related.example/?a=b"),
                *('https://related.example/"', "https://related.example;", "https://a.example/v1"),
                *("https://a.example/v1/", "https://a.example:x", "https://a.example:99999"),
            ],
        ),
        ("TITLE_MODEL", ["auto", "remote:bge"]),
        ("DIMENSIONS", ["0", "-1", "all", "!", "256!!", "100000", " 256"]),
        *(("DATABASE_URL", [""]), ("DATA_DIR", [""]), ("MODEL", [""])),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, values: list[str]) -> None:
    for value in values:
        said = refusal(**{name: value})
        assert f"{PREFIX}{name}" in said
        assert not value or repr(value) in said
        assert name != "WORKERS" or "1 to 64" in said


@pytest.mark.parametrize(
    ("given", "call"),
    [
        ("", ""),
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("https://[::1]:4318/", "https://[::1]:4318/v1/traces"),
        ("http://otel/at/v1/traces", "http://otel/at/v1/traces"),
    ],
)
def test_a_collector_is_named_by_its_address(given: str, call: str) -> None:
    assert from_values(TRACES=given).traces == call


@pytest.mark.parametrize(
    "given",
    [
        *("collector:4318", "1", "grpc://otel:4317", "http://", "http://otel:0", "http://[::1"),
        *(
            f"http://me:{SECRET}@otel",
            f"http://otel/?key={SECRET}",
            "http://otel/ x",
            "http://o/\n",
        ),
    ],
)
def test_what_is_no_address_of_a_collector_is_refused_and_not_quoted(given: str) -> None:
    said = refusal(TRACES=given)
    assert said.startswith("READ_ALSO_TRACES: is no address such as http://127.0.0.1:4318;")
    assert SECRET not in said


@pytest.mark.parametrize(
    "given",
    ["", "http://127.0.0.1:19530", f"https://me:{SECRET}@milvus.example/news", "http://[::1]:1"],
)
def test_a_milvus_server_is_named_by_its_address(given: str) -> None:
    settings = from_values(MILVUS=given)
    assert settings.milvus == given
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    "given",
    [
        *("milvus:19530", "milvus.db", "/var/milvus.db", "http://", "http://[::1", "http://m:0"),
        *("tcp://m:19530", f"http://m/?token={SECRET}", "http://m/\n"),
    ],
)
def test_what_is_no_address_of_a_milvus_server_is_refused_and_not_quoted(given: str) -> None:
    said = refusal(MILVUS=given)
    assert said.startswith("READ_ALSO_MILVUS: is no address such as http://127.0.0.1:19530;")
    assert SECRET not in said


TEI = "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("url", "call"),
    [
        (TEI, f"{TEI}/v1/embeddings"),
        (f"{TEI}/", f"{TEI}/v1/embeddings"),
        (f"{TEI}/v1", f"{TEI}/v1/embeddings"),
        (f"{TEI}/embed", f"{TEI}/embed"),
        ("https://api.example/x/v1/embeddings?v=2", "https://api.example/x/v1/embeddings?v=2"),
    ],
)
def test_a_server_that_embeds_has_the_model(url: str, call: str) -> None:
    settings = from_values(MODEL="BAAI/bge-m3", ENCODER_URL=url)
    assert settings.model == "remote:BAAI/bge-m3"
    assert settings.encoding.server == EncoderServer(call)


def test_the_device_is_one_of_three() -> None:
    assert from_values().encoding.device == "auto"
    assert from_values(DEVICE="cuda").encoding.device == "cuda"
    assert "DEVICE: 'gpu' is none of auto, cpu, cuda" in refusal(DEVICE="gpu")


def test_a_server_has_a_key_and_languages() -> None:
    given = {"ENCODER_KEY_FILE": "/run/key", "ENCODER_LANGUAGES": "en,fr"}
    for url in (f"{TEI}/embed", "https://api.example/embed"):
        server = from_values(MODEL="remote:m", ENCODER_URL=url, **given).encoding.server
        assert server == EncoderServer(url, Path("/run/key"), frozenset({"en", "fr"}))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"ENCODER_URL": TEI}, "MODEL: 'auto' means a model of this machine"),
        ({"ENCODER_URL": TEI, "MODEL": "multilingual"}, "MODEL: 'multilingual'"),
        ({"ENCODER_URL": "tei:8080", "MODEL": "m"}, "ENCODER_URL: is no address"),
        ({"ENCODER_URL": "http://tei:port", "MODEL": "m"}, "ENCODER_URL: is no address"),
        ({"ENCODER_URL": "http://[::1", "MODEL": "m"}, "ENCODER_URL: is no address"),
        ({"ENCODER_URL": "http://tei/#x", "MODEL": "m"}, "ENCODER_URL: is no address"),
        ({"ENCODER_URL": "http://te i/", "MODEL": "m"}, "ENCODER_URL: is no address"),
        ({"ENCODER_URL": "ftp://tei/", "MODEL": "m"}, "ENCODER_URL: is no address"),
        ({"ENCODER_URL": f"https://me:{SECRET}@tei", "MODEL": "m"}, "ENCODER_URL: has a name"),
        (
            {"ENCODER_URL": "http://tei", "MODEL": "m", "ENCODER_KEY_FILE": "k"},
            "ENCODER_URL: a key is sent over https only",
        ),
        ({"ENCODER_KEY_FILE": "k"}, "ENCODER_KEY_FILE: is of no use without READ_ALSO_ENCODER_URL"),
        ({"ENCODER_LANGUAGES": "en"}, "ENCODER_LANGUAGES: is of no use"),
        ({"ENCODER_URL": TEI, "MODEL": "m", "ENCODER_LANGUAGES": "English"}, "such as en,fr"),
    ],
)
def test_half_a_server_is_refused(values: dict[str, str], said: str) -> None:
    refused = refusal(**values)
    assert said in refused
    assert SECRET not in refused


@pytest.mark.parametrize(
    ("value", "opened"),
    [(value, True) for value in ("1", "true", "Yes")]
    + [(value, False) for value in ("0", "FALSE", "no", "")],
)
def test_a_switch_has_a_few_spellings(value: str, *, opened: bool) -> None:
    assert from_values(PUBLIC_READS=value).public_reads is opened


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("WORKER", "WORKERS"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("DATADIR", "DATA_DIR"),
        ("API_KEY", "API_KEYS"),
        ("PUBLIC_READ", "PUBLIC_READS"),
        ("MODELS", "MODEL"),
        ("Workers", "WORKERS"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_right_one(typo: str, meant: str) -> None:
    assert f"READ_ALSO_{typo}; did you mean READ_ALSO_{meant}?" in refusal(**{typo: "3"})


KUBERNETES = {
    "SERVICE_HOST": "10.0.0.7",
    "SERVICE_PORT": "8080",
    "SERVICE_PORT_HTTP": "8080",
    "PORT": "tcp://10.0.0.7:8080",
    "PORT_8080_TCP": "tcp://10.0.0.7:8080",
    "PORT_8080_TCP_PROTO": "tcp",
    "PORT_8080_TCP_PORT": "8080",
    "PORT_8080_TCP_ADDR": "10.0.0.7",
}
"""The environment of a container in a cluster with a Service named read-also."""


def test_unknown_variables_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    assert from_values(**KUBERNETES) == DEFAULTS
    assert [name for name in KUBERNETES if PREFIX + name not in caplog.text] == []


@pytest.mark.parametrize("service", ["DATABASE", "DATA", "API", "WORKERS", "MODEL"])
def test_variables_of_other_kubernetes_services_do_not_refuse_the_start(
    service: str, caplog: pytest.LogCaptureFixture
) -> None:
    given = {f"{service}_{name}": value for name, value in KUBERNETES.items()}
    assert from_values(**given) == DEFAULTS
    assert [name for name in given if PREFIX + name not in caplog.text] == []


def test_keys_are_read_in_order_with_their_scopes() -> None:
    settings = from_values(
        API_KEYS=f" web:read:{SECRET}, cms:read+write:{SECRET}1 ,ops:write:{SECRET}2,"
    )
    assert settings.api_keys == (
        ApiKey.of("web", {"read"}, SECRET),
        ApiKey.of("cms", {"read", "write"}, SECRET + "1"),
        ApiKey.of("ops", {"write"}, SECRET + "2"),
    )


@pytest.mark.parametrize(
    "secret", ["----------abcdef", "abc-def_ghi.jkl~", "a:b:c:d:e:f:g:h:i", "!\"#$%&'()*+/<=>?"]
)
def test_a_secret_may_hold_any_printable_character_but_a_comma(secret: str) -> None:
    keys = from_values(API_KEYS=f"cms:read:{secret}").api_keys
    assert keys == (ApiKey.of("cms", {"read"}, secret),)


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
    ("keys", "said"),
    [
        (f"web:read:{SECRET},cms:publish:hunter2hunter2hunter2", "key number 2 "),
        (f"web:read:{SECRET},hunter2hunter2hunter2:read:cms", "key number 2 "),
        ("hunter2hunter2hunter2", "key number 1 "),
        ("cms:read:sixteen,hunter2-long", "key number 1 "),
        ("cms:read:hunter2hunter2hunter2,web:write:hunter2hunter2hunter2", "same secret"),
        ("cms:read:hunter2hunter2hunter2,cms:write:hunter2hunter2hunter9", "same name"),
    ],
)
def test_keys_are_refused_without_quoting_what_may_be_a_secret(keys: str, said: str) -> None:
    refused = refusal(API_KEYS=keys)
    assert "READ_ALSO_API_KEYS" in refused
    assert said in refused
    assert "hunter2" not in refused


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.touch(mode=0o600)
    path.write_text(f"# of the front end\n\n  front:lists:{SECRET}-front\n")
    return path


def test_keys_of_a_file_or_of_systemd_are_added(key_file: Path, tmp_path: Path) -> None:
    environment = {
        "READ_ALSO_API_KEYS": f"cms:write:{SECRET}",
        "CREDENTIALS_DIRECTORY": str(tmp_path),
    }
    cms = ApiKey.of("cms", {"write"}, SECRET)
    assert Settings.from_environment(environment).api_keys == (cms,)
    credential = tmp_path / "read-also-keys"
    credential.touch(mode=0o400)
    credential.write_text(f"ops:admin:{SECRET}-ops")
    ops = ApiKey.of("ops", {"admin"}, f"{SECRET}-ops")
    assert Settings.from_environment(environment).api_keys == (cms, ops)
    environment["READ_ALSO_KEYS_FILE"] = str(key_file)
    front = ApiKey.of("front", {"lists"}, f"{SECRET}-front")
    assert Settings.from_environment(environment).api_keys == (cms, front)


def test_a_key_of_a_file_may_not_repeat_one_of_the_environment(key_file: Path) -> None:
    said = refusal(KEYS_FILE=str(key_file), API_KEYS=f"front:lists:{SECRET}")
    assert f"{key_file}: two keys have the same name" in said


def test_an_empty_rate_is_any_number() -> None:
    settings = from_values(RATE_PER_KEY="600", RATE_OF_UNKNOWN_KEYS="")
    rates = (settings.rate_per_key, settings.rate_per_address, settings.rate_of_unknown_keys)
    assert rates == (600, None, None)


def test_no_repr_shows_a_secret() -> None:
    settings = from_values(
        API_KEYS=f"cms:write+read:{SECRET}",
        DATABASE_URL="postgresql://editor:hunter2@localhost/news",
    )
    assert repr(settings.api_keys[0]) == "ApiKey(name='cms', scopes=['lists', 'read', 'write'])"
    shown = f"{settings!r} {settings} {settings.api_keys}"
    assert SECRET not in shown
    assert "hunter2" not in shown


def test_the_form_of_the_log_is_json_or_text(monkeypatch: pytest.MonkeyPatch) -> None:
    assert from_values(LOG="json").log == "json"
    assert refusal(LOG="xml") == "READ_ALSO_LOG: 'xml' is none of text, json"
    for given, form in {"json": "json", "xml": "text", "": "text"}.items():
        monkeypatch.setenv("READ_ALSO_LOG", given)
        assert log_form() == form
