import msgspec

from haechi.model.indicator import Context, Indicator, ValueType
from haechi.model.marking import Tlp


def test_what_a_source_leaves_open_is_strict_and_unbounded() -> None:
    bare = Indicator(type=ValueType.DOMAIN, text="example.tw", object_id="")
    assert bare.marking is Tlp.AMBER_STRICT
    assert (bare.valid_from, bare.valid_until, bare.confidence, bare.pap) == (None, None, None, None)
    assert bare.context == Context()


def test_a_context_is_kept_without_what_it_lacks() -> None:
    context = Context(actors=("Kimsuky",))
    kept = msgspec.json.encode(context)
    assert kept == b'{"actors":["Kimsuky"]}'
    assert msgspec.json.decode(kept, type=Context) == context
