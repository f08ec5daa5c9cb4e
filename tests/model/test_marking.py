import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.model.marking import STIX_TLP, Pap, Tlp, parse_pap, parse_tlp, strictest


@pytest.mark.parametrize(
    ("label", "tlp"),
    [
        ("TLP:WHITE", Tlp.CLEAR),
        ("tlp:clear", Tlp.CLEAR),
        ("Green", Tlp.GREEN),
        (" tlp:amber ", Tlp.AMBER),
        ("tlp:amber+strict", Tlp.AMBER_STRICT),
        ("TLP:AMBER-STRICT", Tlp.AMBER_STRICT),
        ("tlp:ex:chr", Tlp.RED),
        ("", Tlp.RED),
        ("purple", Tlp.RED),
    ],
)
def test_labels_in_usual_spellings(label: str, tlp: Tlp) -> None:
    assert parse_tlp(label) is tlp


def test_every_label_is_read_back() -> None:
    assert [parse_tlp(tlp.label) for tlp in Tlp] == list(Tlp)
    assert [parse_pap(pap.label) for pap in Pap] == list(Pap)
    assert (parse_pap("pap:white"), parse_pap("?")) == (Pap.CLEAR, Pap.RED)


@given(st.text())
def test_what_is_not_understood_is_never_open(label: str) -> None:
    if parse_tlp(label) is not Tlp.RED:
        assert any(word in label.upper() for word in ("WHITE", "CLEAR", "GREEN", "AMBER"))


@given(st.lists(st.sampled_from(Tlp)))
def test_several_give_the_strictest_and_none_amber_strict(labels: list[Tlp]) -> None:
    assert strictest(labels) is (max(labels) if labels else Tlp.AMBER_STRICT)


def test_both_generations_of_stix_objects_are_known() -> None:
    assert len(STIX_TLP) == 10
    assert set(STIX_TLP.values()) == set(Tlp)
