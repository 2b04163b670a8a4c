"""What several files of these tests share."""

import pytest

from learning.__main__ import main
from tests.gateway_house import GatewayHouse


@pytest.fixture(scope="session")
def rendered(tmp_path_factory):
    """Rendered pictures of the five categories with their manifest, to read and not to change."""
    folder = tmp_path_factory.mktemp("rendered")
    assert main(["render", str(folder), "--per-category", "24"]) == 0
    return folder


@pytest.fixture
def open_gateway(stack, database_url, redis_url, tmp_path):
    """Gateways with settings of their own: call it."""
    houses = []

    def open_gateway(**settings):
        houses.append(GatewayHouse(stack, database_url, redis_url, tmp_path, **settings))
        return houses[-1]

    yield open_gateway
    for house in houses:
        house.close()
