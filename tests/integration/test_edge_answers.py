"""A flap that cannot wait: the shipped model answers on the bin, and the fleet's answer is compared later."""

import json
import socket
import threading

import pytest

from contracts.edge import FleetAnswer
from producer.edge.local_answers import Comparison, LocalAnswers, Teller
from producer.edge.outbox import Bounds
from producer.edge.shelf import ShelfFull
from producer.edge.status import gather
from producer.render import render
from tests.conftest import wait_for
from tests.edge_house import Bin
from tests.gateway_house import GatewayHouse
from tests.unit.edge_house import Parts


@pytest.fixture
def gateway(stack, database_url, redis_url, tmp_path):
    house = GatewayHouse(stack, database_url, redis_url, tmp_path)
    yield house
    house.close()


class Flap:
    """Whoever listens at the flap's socket."""

    def __init__(self, path):
        self.heard = []
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(path))
        self._server.listen()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as file:
                self.heard += [json.loads(line) for line in file]

    def close(self):
        self._server.close()


def test_a_bin_answers_at_once_and_learns_later_what_the_fleet_says(gateway, tmp_path):
    flap = Flap(tmp_path / "flap")
    one = Bin(tmp_path / "bin", gateway.url, EDGE_ANSWER_TO=tmp_path / "flap")
    (one.folder / "a.jpg").write_bytes(render("glass", 3))
    with gateway.working():
        one.start()
        wait_for(lambda: flap.heard, 30, one.log.read_text)
        (answer,) = flap.heard
        assert answer["category"] in {"plastic", "paper", "glass", "metal", "organic"}
        assert answer["model"].startswith("lite0")
        wait_for(lambda: (one.status()["answers"] or {}).get("compared") == 1, 60, one.log.read_text)
    assert one.stop() == 0
    flap.close()
    status = one.status()
    # What stands for a worker here says plastic to everything.
    assert status["answers"] == {"local": 1, "compared": 1, "agreed": int(answer["category"] == "plastic")}


class Model:
    version, threshold, outlier_threshold = "m1", 0.8, None

    def classify(self, image):
        from contracts.outcomes import Scores

        return Scores((0.05, 0.05, 0.8, 0.05, 0.05))


def test_the_flap_is_told_once_though_the_picture_waits_for_room(tmp_path):
    told = []
    one = Parts(tmp_path, bounds=Bounds(reserve_bytes=10**6), free=0)
    one.taker.answers = LocalAnswers(one.outbox, lambda data: data, Model(), told.append)
    (one.folder_path / "a.jpg").write_bytes(render("glass", 1))
    one.folder.take_all()
    for _ in range(3):
        with pytest.raises(ShelfFull):
            one.folder.take_all()
    assert [(answer["category"], answer["event_id"]) for answer in told] == [("glass", None)]
    one.free = 10**12
    assert one.folder.take_all() == 1


@pytest.mark.parametrize(("fleet", "agreed"), [("glass", 1), ("metal", 0)])
def test_what_both_say_is_kept_and_counted(tmp_path, fleet, agreed):
    one = Parts(tmp_path)
    one.taker.answers = LocalAnswers(one.outbox, lambda data: data, Model(), lambda answer: None)
    one.taker.take(render("glass", 1), one.clock.now(), "", None)
    comparison = Comparison(one.outbox, lambda: one.gateway, one.clock.now, one.sender.chance)
    assert comparison.ask_one() == 5.0, "what was not sent is not asked for"
    one.send_all()
    comparison.ask_one()
    one.gateway.find = lambda event_id: FleetAnswer("prediction", fleet, 0.9)
    one.clock.true_s += 60
    comparison.ask_one()
    with one.shelf.look() as sql:
        assert sql.execute("SELECT category, fleet_outcome, fleet_category FROM answers").fetchall() == [
            ("glass", "prediction", fleet)
        ]
        assert gather(sql, one.clock.now())["answers"] == {"local": 1, "compared": 1, "agreed": agreed}


def test_where_nobody_listens_the_answer_lies_in_a_file(tmp_path):
    Teller(tmp_path / "answer.json").tell({"category": "glass"})
    Teller(tmp_path / "answer.json").tell({"category": "metal"})
    assert json.loads((tmp_path / "answer.json").read_text()) == {"category": "metal"}
    Teller(tmp_path / "no folder" / "answer.json").tell({"category": "metal"})
