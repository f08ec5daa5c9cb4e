"""What is written is read back as the same value under the same label, by our reader and by the standard library's."""

import csv
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from haechi.formats import csvlist, csvout
from haechi.model.errors import BadInput
from haechi.model.indicator import ValueType
from haechi.model.marking import Pap, Tlp
from haechi.model.source_object import SourceObject
from tests.formats.test_patternof import values

moments = st.none() | st.integers(0, 4_000_000_000_000_000)


def told(one: SourceObject) -> set[Any]:
    shared = (one.marking, one.pap, one.valid_from, one.valid_until, one.confidence)
    return {(kind, text, *shared) for kind, texts in one.values.items() for text in texts}


@given(
    st.lists(
        st.tuples(
            values, st.sampled_from(Tlp), st.none() | st.sampled_from(Pap), moments, moments, st.none() | st.integers(0, 100),
            st.text(max_size=9),
        ),
        max_size=5,
    )
)  # fmt: skip
def test_there_and_back(made: list[Any]) -> None:
    objects = [
        SourceObject(object_id="", marking=tlp, pap=pap, valid_from=begins, valid_until=ends, confidence=sure, values={k: [t]})
        for (k, t), tlp, pap, begins, ends, sure, _ in made
    ]  # fmt: skip
    sources = [source for *_, source in made]
    written = b"".join(csvout.rows(zip(sources, objects, strict=True)))
    back = list(csvlist.parse([written], marking=Tlp.CLEAR))
    assert not [one for one in back if isinstance(one, BadInput)]
    read = set().union(*(told(one) for one in back if isinstance(one, SourceObject)))
    assert read == set().union(*map(told, objects))
    records = list(csv.reader(written.decode().split("\n")[:-1]))
    assert {len(record) for record in records} == {len(csvout.COLUMNS)}


def test_a_row() -> None:
    one = SourceObject(
        object_id="",
        marking=Tlp.AMBER_STRICT,
        pap=Pap.RED,
        valid_until=1_500_000,
        values={ValueType.DOMAIN: ["a.example"]},
    )
    assert b"".join(csvout.rows([("a, b\nc", one)])).decode().splitlines() == [
        "value,type,tlp,pap,valid_from,valid_until,confidence,source",
        'a.example,domain,TLP:AMBER+STRICT,PAP:RED,,1970-01-01T00:00:01.500000+00:00,,"a, b c"',
    ]
