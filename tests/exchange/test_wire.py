import msgspec
import pytest

from haechi.exchange import wire


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (wire.Heads, {"epoch": 1, "seq": 2, "collections": [{"name": "Ω", "id": "x", "size": 0, "seq": 0}]}),
        (wire.Heads, {"epoch": -1, "seq": 2, "collections": []}),
        (wire.Heads, {"epoch": 1 << 62, "seq": 2, "collections": []}),
        (wire.Heads, {"epoch": 1, "seq": 2, "collections": [["a"]] * 17}),
        (wire.Leaves, {"leaves": [[1, 1, "AA==", False]], "more": False}),
        (wire.Leaves, {"leaves": [[1, 1]], "more": False}),
        (wire.Withdrawals, {"withdrawals": [[1, [True]]], "more": False}),
        (wire.Digest, {"count": 1, "root": "x"}),
        (wire.Receipts, {"receipts": ["x"] * 17}),
    ],
)
def test_what_is_off_in_shape_or_size_is_no_message(kind: type[msgspec.Struct], said: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(said), type=kind)


def test_an_envelope_keeps_its_objects_as_they_came() -> None:
    raw = b'{"more":true,"objects":[{"b" : 1.0,  "a":2}],"x_haechi_leaves":[[5,9,"%b"]]}' % (b"A" * 43 + b"=")
    found = msgspec.json.decode(raw, type=wire.Envelope)
    assert bytes(found.objects[0]) == b'{"b" : 1.0,  "a":2}'
    assert found.x_haechi_leaves == [wire.Salted(5, 9, bytes(32))]
    assert msgspec.json.decode(b"{}", type=wire.Envelope) == wire.Envelope()
