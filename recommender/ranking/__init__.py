"""One request to a list: eligibility, candidates, scores, selection, overrides and policy."""
