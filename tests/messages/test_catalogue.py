import pytest

from haechi.messages import catalogue as messages
from haechi.messages.catalogue import MessageError, catalogue, text


def test_fills_in_arguments() -> None:
    assert text("error.no_command.reason", name="foo") == "no command 'foo'"


def test_missing_id_and_missing_argument_raise() -> None:
    with pytest.raises(MessageError, match=r"no message 'no\.such'"):
        text("no.such")
    with pytest.raises(MessageError, match=r"'error\.no_command\.reason' needs the argument 'name'"):
        text("error.no_command.reason")
    with pytest.raises(MessageError, match="no message catalogue for language 'xx'"):
        catalogue("xx")


def test_language_falls_back_to_english(monkeypatch: pytest.MonkeyPatch) -> None:
    for wanted in ("xx", "../en", "en/../en", ""):
        monkeypatch.setenv(messages.LANGUAGE_VARIABLE, wanted)
        assert messages.language() == "en"


def test_every_message_is_filled_plain_english() -> None:
    for message_id, message in catalogue("en").items():
        assert message.rstrip() == message, message_id
        assert message, message_id
