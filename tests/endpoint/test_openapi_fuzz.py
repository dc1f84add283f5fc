"""The API against its document, with valid and invalid requests. `make fuzz` does it at length."""

import pytest

from recommender.settings import Settings
from tests.support.api_fuzz import AnswerCounts, fuzz, serve


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
def test_every_answer_is_one_that_the_document_describes(own_desk: Settings) -> None:
    """No 5xx but a 503 that says when to ask again, and no undocumented status or shape."""
    counts = AnswerCounts()
    with serve(own_desk) as app:
        fuzz(app, 150, counts)
    assert counts.failures == {}
    assert counts.cases >= 150
    document = app.test_client().get("/openapi.json").get_json()
    documented = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert {call for call, _, _ in counts.answers} == documented
