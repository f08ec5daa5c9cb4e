import json

from haechi.exchange.taxii.refusal import Refused, not_there


def test_a_refusal_is_an_error_message_of_taxii() -> None:
    found = Refused(429, "too_many_logins", headers={"retry-after": "60"}).answer()
    assert (found.status, found.headers["retry-after"]) == (429, "60")
    assert found.headers["content-type"] == "application/taxii+json;version=2.1"
    told = json.loads(found.body)
    assert (told["http_status"], bool(told["title"])) == ("429", True)


def test_nothing_is_told_of_what_is_not_there() -> None:
    assert not_there().answer() == not_there().answer()
