import pytest

from haechi.model.finding import Figure, Finding
from haechi.model.marking import Tlp


def test_a_finding_is_compared_whole_and_never_changed() -> None:
    finding = Finding(statement="list.none", figure=Figure(value=1, unit="events"))
    assert finding == Finding(statement="list.none", figure=Figure(value=1, unit="events"))
    assert finding.marking is Tlp.AMBER_STRICT
    with pytest.raises(AttributeError):
        finding.seed = 3  # type: ignore[misc]
