"""What several files of these tests share."""

import pytest

from adapters.postgres.connections import open_pool
from contracts.accounts import Role
from learning.__main__ import main
from local.database import ensure_logins
from tests.console_data import fill, roll_up
from tests.gateway_house import GatewayHouse
from tests.lake_house import LakeHouse
from tests.plant_house import Plant


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


@pytest.fixture
def plant(stack, database_url, sql, tmp_path):
    """A fleet and a plant, as the programs' own logins."""
    urls = ensure_logins(stack.postgres, tmp_path, database_url.rpartition("/")[2])
    pools = {role: open_pool(urls[role], name=role, max_size=2) for role in ("intake", "worker", "learning")}
    yield Plant(pools, sql)
    for pool in pools.values():
        pool.close()


@pytest.fixture
def lake(plant, stack, database_url, tmp_path, monkeypatch):
    """Labelled events with pictures, and the lake made of them; with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    url = ensure_logins(stack.postgres, tmp_path, database_url.rpartition("/")[2])["learning"]
    return LakeHouse(plant, stack, url, tmp_path)


@pytest.fixture
def filled(house):
    """A review desk on weeks of a fleet's history, counted into rollups."""
    fill(house.sql)
    roll_up(house.rollups)
    return house


@pytest.fixture
def olga(house):
    """A browser of somebody of ops."""
    return house.client("olga", Role.OPS)
