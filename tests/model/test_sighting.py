from haechi.model.sighting import EventId


def test_an_event_id_sorts_by_input_then_offset_and_shows_as_one_word() -> None:
    assert sorted([EventId(2, 0), EventId(1, 90), EventId(1, 5)]) == [EventId(1, 5), EventId(1, 90), EventId(2, 0)]
    assert str(EventId(1, 5)) == "event--1-5"
