from uuid import uuid4

from sqlalchemy import Engine

from haechi.model.marking import Tlp
from haechi.model.release import Relation
from haechi.store.catalog import indicator_load, recipients, submissions


def test_an_outcome_is_its_submitters_alone(engine: Engine) -> None:
    with engine.begin() as conn:
        one, two = (
            recipients.add(conn, uuid=str(uuid4()), name=name, country="TW", kind="consumer", relation=Relation.PUBLIC, now=1)
            for name in ("A", "B")
        )  # fmt: skip
        submissions.keep(conn, uuid="u", recipient_id=one.id, at=5, outcome=b'{"x":1}')
        assert submissions.outcome(conn, "u", one.id) == b'{"x":1}'
        assert submissions.outcome(conn, "u", two.id) is None
        assert submissions.outcome(conn, "v", one.id) is None


def test_a_recipients_source_is_made_once_and_keeps_its_marking(engine: Engine) -> None:
    with engine.begin() as conn:
        indicator_load.source_id(conn, "A", Tlp.GREEN)  # a file of that name
        one = recipients.add(
            conn, uuid=str(uuid4()), name="A", country="TW", kind="consumer", relation=Relation.PUBLIC, now=1
        )
        first = submissions.source(conn, one)
        assert first == submissions.source(conn, one)
        assert first[1] is Tlp.AMBER_STRICT
        assert indicator_load.source_id(conn, f"A ({one.uuid})", None)[0] == first[0]
        assert submissions.object_row(conn, first[0], "indicator--x") is None
