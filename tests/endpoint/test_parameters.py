"""Query parameters are strict: unknown, repeated or bad ones are 400, and all are named."""

import pytest
from flask.testing import FlaskClient

PATHS = ["/v1/articles/harbour-2/related", "/v1/articles/harbour-2/related.html", "/read/harbour-2"]

NUMBERS = ["1_000", "١٢", "nan", "1e400", "-1", "", " 1", "+1", "0x1", "1.", "inf", "１"]  # noqa: RUF001
BAD = (
    [("limit", value) for value in [*NUMBERS, "0", "101", "01", "1.5", "9" * 5000]]
    + [("min_score", value) for value in [*NUMBERS, "1.1", ".5", "1.0000001"] if value != "1"]
    + [("min_score", value) for value in ["-0.5", "-0.0001", "--0", "-.0"]]
    + [("diversity", value) for value in [*NUMBERS, "2", "0,5"]]
    + [("max_age", v) for v in ["", "30", "0d", "-1d", "30D", "1.5d", "d", "٣d", "1e3d", "999999d"]]
    + [("mode", value) for value in ["", "MIXED", "newest", "mixed,latest"]]
    + [
        ("language", value)
        for value in [
            "",
            "e",
            "en,",
            ",",
            "en ru",
            "en_US",
            "*",
            "any,en",
            "en,any",
            "en" + ",en" * 999,
            "-any",
            "--en",
            "en,-",
        ]
    ]
    + [("published_after", v) for v in ["", "2026", "2026-13-01", "now", "2026-03-01T00:00:00"]]
    + [("attr.price", v) for v in ["", "a..b", "2..1", "1,", "a\x00b"]]
    + [(name, "1") for name in ["attr", "attr.", "attr.Price", "attr.a-b", "attr.a.b", "tag.x"]]
    + [("section", v) for v in [",", "a,", "-", "a\\", "a" * 301, "a" + ",a" * 100]]
    + [("section", ""), ("tag", ""), ("section", "a\x00b"), ("tag", "\x00")]
    + [("exclude", value) for value in ["a,,b", "a b", "ä", "..", "a/b", ","]]
    + [("explain", value) for value in ["", "0", "true", "2", "ALL", "all,1", "parts"]]
    + [("presentation", value) for value in ["", "true", "2"]]
    + [("limits", "5"), ("Limit", "5"), ("", "1"), ("q", ""), ("article_id", "x"), ("page", "2")]
)


@pytest.mark.parametrize(("name", "value"), BAD, ids=lambda text: ascii(text)[:24])
def test_a_bad_parameter_is_named(desk: FlaskClient, name: str, value: str) -> None:
    response = desk.get(PATHS[0], query_string={name: value})
    assert response.status_code == 400
    assert response.content_type == "application/problem+json"
    assert [fault["pointer"] for fault in response.get_json()["errors"]] == [f"/{name}"]


@pytest.mark.parametrize("name", ["section", "tag"])
def test_a_name_with_a_nul_is_not_called_empty(desk: FlaskClient, name: str) -> None:
    texts = {"a\x00b": "must not contain NUL", "": "at least 1 character"}
    for text, problem in texts.items():
        (fault,) = desk.get(PATHS[0], query_string={name: text}).get_json()["errors"]
        assert problem in fault["detail"]


@pytest.mark.parametrize("path", PATHS)
def test_every_bad_parameter_is_named_at_once(desk: FlaskClient, path: str) -> None:
    query = "limit=0&mode=odd&colour=red&max_age=x&tag=&tag=a&exclude=%20&limit=2&min_score=2"
    response = desk.get(f"{path}?{query}")
    assert response.status_code == 400
    assert sorted(fault["pointer"] for fault in response.get_json()["errors"]) == [
        "/colour",
        "/exclude",
        "/limit",
        "/max_age",
        "/min_score",
        "/mode",
        "/tag",
    ]


@pytest.mark.parametrize("name", ["limit", "mode", "section", "tag", "language", "exclude"])
def test_a_repeated_parameter_is_refused_even_if_equal(desk: FlaskClient, name: str) -> None:
    good = {"limit": "5", "mode": "latest", "language": "en"}.get(name, "city")
    response = desk.get(f"{PATHS[0]}?{name}={good}&{name}={good}")
    assert response.status_code == 400
    assert response.get_json()["errors"] == [
        {"pointer": f"/{name}", "detail": "given more than once"}
    ]


def test_a_refusal_of_an_unknown_parameter_names_the_known_ones(desk: FlaskClient) -> None:
    response = desk.get(PATHS[0], query_string={"limits": "5"})
    known = (
        "limit, offset, mode, section, tag, author, attr.NAME, language, published_after, "
        "published_before, exclude, max_age, diversity, min_score"
    )
    (fault,) = response.get_json()["errors"]
    assert fault["detail"].startswith("unknown; did you mean 'limit'? known are ")
    assert f"{known}, fields, explain, presentation, dates, time_zone" in fault["detail"]


def test_a_bad_id_to_exclude_is_named_by_its_place_and_its_character(desk: FlaskClient) -> None:
    (fault,) = desk.get(PATHS[0], query_string={"exclude": "a,b/c"}).get_json()["errors"]
    assert fault["detail"].startswith("entry 2 must match ")
    assert "its character 2 is '/', U+002F: write it as ~2F" in fault["detail"]


@pytest.mark.parametrize("query", ["exclude=", "min_score=-0.0", "min_score=-0&exclude="])
def test_no_exclusion_and_a_negative_zero_mean_what_they_say(desk: FlaskClient, query: str) -> None:
    """Programs that join no ids, or that compute a bound, send these."""
    plain = desk.get(PATHS[0], query_string={"min_score": "0"} if "score" in query else {})
    assert desk.get(f"{PATHS[0]}?{query}").get_json() == plain.get_json()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "1"),
        ("limit", "100"),
        ("min_score", "0"),
        ("min_score", "1.0"),
        ("min_score", "1e-05"),
        ("min_score", "-0.0"),
        ("diversity", "2.5E-1"),
        ("diversity", "0.123456"),
        ("min_score", "0.30000000000000004"),
        ("max_age", "1d"),
        ("max_age", "99999d"),
        ("language", "zh-Hans-CN,en"),
        ("exclude", "a~b:c.d_e-f,..."),
        ("language", "-ru"),
        ("section", "nowhere ' OR 1=1 --"),
        ("section", "a" + ",a" * 99),
        ("published_before", "2026-03-01T00:00:00+05:00"),
        ("attr.price", r"\-10..,-1,x"),
        ("tag", "☃"),
        ("explain", "1"),
        ("presentation", "0"),
    ],
)
def test_values_at_the_edge_are_taken(desk: FlaskClient, name: str, value: str) -> None:
    assert desk.get(PATHS[0], query_string={name: value}).status_code == 200


def test_many_conditions_on_attributes_are_taken_and_one_more_is_not(desk: FlaskClient) -> None:
    query = {f"attr.name{number}": "1" for number in range(21)}
    refused = desk.get(PATHS[0], query_string=query)
    assert (refused.status_code, refused.get_json()["errors"][0]["pointer"]) == (400, "/attr")
    del query["attr.name20"]
    assert desk.get(PATHS[0], query_string=query).status_code == 200


def test_five_hundred_exclusions_are_taken_and_one_more_is_not(desk: FlaskClient) -> None:
    names = [f"a{number}" for number in range(501)]
    for given, status in ((names[:500], 200), (names, 400)):
        response = desk.get(PATHS[0], query_string={"exclude": ",".join(given)})
        assert response.status_code == status


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("wait=visible&x=1", ["/x"]),
        ("x=1&wat=visible", ["/x", "/wat"]),
        ("wait=", ["/wait"]),
        ("wait=1", ["/wait"]),
        ("wait=Visible", ["/wait"]),
        ("wait=visible&wait=visible", ["/wait"]),
    ],
)
def test_a_write_takes_no_parameter_but_wait_visible(
    client: FlaskClient, query: str, named: list[str]
) -> None:
    """A misspelt `?wait=` must not pass for an accepted one, and nothing is written."""
    before = client.get("/v1/articles/harbour-2").json
    path = f"/v1/articles/harbour-2?{query}"
    for response in (client.put(path, json={"title": "A"}), client.delete(path)):
        assert response.status_code == 400
        assert [fault["pointer"] for fault in response.get_json()["errors"]] == named
    assert client.get("/v1/articles/harbour-2").json == before
