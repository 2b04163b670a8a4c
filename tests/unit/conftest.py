"""What the tests of the rooms share."""

import pytest

from tests.unit.house import House


@pytest.fixture
def house():
    return House()
