"""The registry of models: what moves, who may move it, and what is told of it."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from adapters.postgres.connections import open_pool
from adapters.postgres.registry import PostgresRegistry
from adapters.postgres.serving import PostgresServing
from contracts.categories import Category
from contracts.errors import ModelRefused
from contracts.models import ModelFile, ModelState, NewModel, SecondOpinion
from contracts.moves import Moves
from contracts.names import OutcomeKind
from local.database import ensure_logins
from tests.changed_models import changed
from tests.makers import an_event

SHADOW, CANARY, CHAMPION, RETIRED = ModelState.SHADOW, ModelState.CANARY, ModelState.CHAMPION, ModelState.RETIRED


@pytest.fixture
def urls(stack, database_url, tmp_path):
    return ensure_logins(stack.postgres, tmp_path, database_url.rpartition("/")[2])


@pytest.fixture
def registry(urls):
    with open_pool(urls["learning"], name="learning", max_size=4) as pool:
        yield PostgresRegistry(pool)


@pytest.fixture
def serving(urls):
    with open_pool(urls["worker"], name="worker", max_size=2) as pool:
        yield PostgresServing(pool)


@pytest.fixture
def moves(registry):
    return Moves(registry, "ada")


def a_model(version, sha256=None):
    return NewModel(
        ModelFile(version, sha256 or f"{version.encode().hex():0>64}", f"models/{version}"), 5, {"threshold": 0.8}, "ada"
    )


def states(registry):
    return {model.file.version: model.state.value for model in registry.models()}


def test_a_promotion_retires_the_champion_and_a_roll_back_brings_it_back(registry, moves, serving):
    for version in ("a", "b"):
        assert registry.add(a_model(version))
        moves.move(version, CHAMPION, "tested")
    assert states(registry) == {"a": "retired", "b": "champion"}
    assert serving.plan().champion.version == "b"
    assert moves.roll_back("worse") == ("b", "a")
    assert states(registry) == {"a": "champion", "b": "retired"}
    # Not on to the bad one again: before `a` there was none.
    assert moves.roll_back("still worse") == ("a", None)
    assert serving.plan().champion is None
    with pytest.raises(ModelRefused, match="no champion"):
        moves.roll_back("once more")
    told = [(move.version, move.before, move.after, move.actor, move.because) for move in registry.moves("b")]
    assert told == [("b", "champion", "retired", "ada", "worse"), ("b", "candidate", "champion", "ada", "tested")]


def test_every_change_of_what_is_served_has_a_revision_of_its_own(registry, moves, serving):
    registry.add(a_model("a"))
    seen = [serving.plan().revision]
    for step in (lambda: moves.move("a", SHADOW, ""), lambda: moves.move("a", CANARY, ""), lambda: registry.set_shares(canary=0.3)):
        step()
        seen.append(serving.plan().revision)
    assert seen == sorted(set(seen))
    assert serving.plan().canary_share == pytest.approx(0.3)


def test_a_version_names_one_file_for_good_and_a_file_has_one_name(registry):
    registry.add(a_model("a"))
    assert not registry.add(a_model("a"))
    with pytest.raises(ModelRefused, match="taken by another file"):
        registry.add(a_model("a", "f" * 64))
    with pytest.raises(ModelRefused, match="under another version"):
        registry.add(a_model("b", a_model("a").file.sha256))


def test_one_canary_at_a_time_and_the_one_before_is_retired(registry, moves):
    for version in ("a", "b"):
        registry.add(a_model(version))
        moves.move(version, CANARY, "try")
    assert states(registry) == {"a": "retired", "b": "canary"}


def test_a_roll_back_goes_the_way_back_that_the_promotions_came(registry, moves):
    for version in ("a", "b", "c"):
        registry.add(a_model(version))
        moves.move(version, CHAMPION, "")
    assert [moves.roll_back("") for _ in range(3)] == [("c", "b"), ("b", "a"), ("a", None)]


def test_a_roll_back_does_not_bring_back_what_an_earlier_reign_had_replaced(registry, moves):
    for version in ("a", "b"):
        registry.add(a_model(version))
        moves.move(version, CHAMPION, "")
    moves.roll_back("b is bad")
    moves.roll_back("a is bad, too")
    moves.move("b", CHAMPION, "the lesser evil, in place of the workers' own model")
    assert moves.roll_back("after all") == ("b", None)
    assert states(registry) == {"a": "retired", "b": "retired"}


def test_a_champion_goes_by_a_roll_back_alone(registry, moves):
    registry.add(a_model("a"))
    moves.move("a", CHAMPION, "")
    for target in (SHADOW, CANARY, RETIRED, CHAMPION):
        with pytest.raises(ModelRefused, match="a is champion"):
            moves.move("a", target, "")


def test_two_who_promote_at_once_leave_one_champion(registry):
    for number in range(8):
        registry.add(a_model(f"m{number}"))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: Moves(registry, f"p{n}").move(f"m{n}", CHAMPION, ""), range(8)))
    assert sorted(states(registry).values()) == ["champion", *["retired"] * 7]


def test_a_move_that_meant_another_champion_is_as_if_it_never_was(registry, moves):
    for version in ("a", "b"):
        registry.add(a_model(version))
    moves.move("a", CHAMPION, "the first", instead_of="")
    before, told = registry.plan(), registry.moves()
    for meant in ("", "c"):
        with pytest.raises(ModelRefused, match="by somebody else meanwhile"):
            moves.move("b", CHAMPION, "late", instead_of=meant)
    assert registry.roll_back("ada", "late", "b") is None
    with pytest.raises(ModelRefused, match="b is not the champion"):
        moves.roll_back("late", of="b")
    assert (registry.plan(), registry.moves()) == (before, told)
    moves.move("b", CHAMPION, "in time", instead_of="a")
    assert moves.roll_back("in time", of="b") == ("b", "a")


def test_who_dies_in_the_middle_of_a_promotion_has_promoted_nothing(registry, moves, urls):
    registry.add(a_model("a"))
    registry.add(a_model("b"))
    moves.move("a", CHAMPION, "")
    before = registry.plan()
    with psycopg.connect(urls["learning"]) as connection:
        connection.execute("SELECT move_model('b', 'candidate', 'champion', 'ada', '')")
        connection.close()  # without a commit, as whoever is killed
    assert registry.plan() == before
    assert states(registry) == {"a": "champion", "b": "candidate"}
    moves.move("b", CHAMPION, "")
    assert states(registry) == {"a": "retired", "b": "champion"}


def test_a_move_from_a_state_that_has_passed_is_none(registry, moves):
    registry.add(a_model("a"))
    moves.move("a", CANARY, "")
    assert not registry.move("a", ModelState.CANDIDATE, CHAMPION, "somebody late", "", {})
    assert states(registry) == {"a": "canary"}


def test_a_worker_withdraws_what_is_on_trial_and_nothing_else(registry, moves, serving):
    for version in ("a", "b"):
        registry.add(a_model(version))
    moves.move("a", CHAMPION, "")
    moves.move("b", CANARY, "")
    assert serving.withdraw("b", "worker h/1", "its numbers are none", {"seen": 1})
    assert not serving.withdraw("b", "worker h/2", "as well", {})
    assert not serving.withdraw("a", "worker h/1", "no", {})
    assert states(registry) == {"a": "champion", "b": "retired"}
    assert registry.moves("b", 1)[0].because == "its numbers are none"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE models SET state = 'champion'",
        "UPDATE models SET sha256 = repeat('0', 64)",
        "DELETE FROM model_transitions",
        "UPDATE model_transitions SET because = ''",
        "INSERT INTO model_transitions (version, before, after, actor, because) VALUES ('a', 'x', 'y', 'z', '')",
    ],
)
@pytest.mark.parametrize("role", ["learning", "worker"])
def test_no_role_can_change_a_model_or_its_history_but_by_the_functions(urls, registry, role, statement):
    registry.add(a_model("a"))
    with psycopg.connect(urls[role], autocommit=True) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


@pytest.mark.parametrize("function", ["move_model('a', 'candidate', 'champion', 'me', '')", "roll_back_champion('me', '')"])
def test_a_worker_cannot_promote_or_roll_back(urls, registry, function):
    registry.add(a_model("a"))
    with psycopg.connect(urls["worker"], autocommit=True) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"SELECT {function}")


def test_second_opinions_are_kept_once(serving, sql):
    opinion = SecondOpinion(an_event().event_id, "b", Category.GLASS, 0.8, OutcomeKind.PREDICTION, 3.5)
    serving.keep_opinions([opinion])
    serving.keep_opinions([opinion])
    assert sql.execute("SELECT model_version, category, kind FROM shadow_predictions").fetchall() == [("b", "glass", "prediction")]


@pytest.fixture
def model(urls, stack):
    addresses = stack.addresses
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": urls["learning"],
        "WASTE_ACTOR": "ada",
        "S3_ENDPOINT_URL": addresses.s3_endpoint,
        "S3_REGION": addresses.s3_region,
        "S3_BUCKET": addresses.s3_bucket,
        "AWS_ACCESS_KEY_ID": addresses.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": addresses.s3_secret_key,
    }

    def run(*arguments, code=0):
        command = [sys.executable, "-m", "waste", "model", *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    return run


def renamed(tmp_path, version):
    def change(model):
        for entry in model.metadata_props:
            if entry.key == "version":
                entry.value = version

    path, _ = changed(tmp_path, change)
    return path


def test_the_life_of_a_model_by_hand(model, registry, tmp_path):
    assert "workers use the one that they came with" in model("list")
    shipped = model("add", "shipped").partition(":")[0]
    assert "is in the registry already" in model("add", "shipped")
    model("add", renamed(tmp_path, "better-1"))
    assert f"{shipped}: candidate -> champion" in model("promote", shipped, "--because", "first")
    assert "candidate -> shadow" in model("try", "better-1", "--as", "shadow", "--share", "0.5")
    assert "shadow on the pictures of 50% of the sensors" in model("list")
    assert "shadow -> canary" in model("try", "better-1", "--as", "canary", "--share", "0.2")
    assert "canary on 20% of the events" in model("list")
    assert "canary -> champion" in model("promote", "better-1")
    assert f"{shipped} is not the champion: nothing is taken back" in model("rollback", "--of", shipped, code=1)
    assert f"better-1 is retired, {shipped} decides" in model("rollback", "--of", "better-1", "--because", "bad nights")
    told = json.loads(model("show", "better-1", "--json"))
    assert (told["moves"][0]["before"], told["moves"][0]["after"]) == ("champion", "retired")
    assert told["facts"]["threshold"] == 0.75
    assert "bad nights" in model("show", "better-1")
    model("pin")
    assert "pinned by ada" in model("list")
    model("unpin")
    assert json.loads(model("list", "--json"))["pinned_by"] is None


def test_a_trial_that_is_refused_leaves_the_share_of_the_one_that_runs(model, registry, moves, serving):
    for version in ("a", "b"):
        registry.add(a_model(version))
    moves.move("a", CHAMPION, "")
    moves.move("b", CANARY, "")
    before = serving.plan()
    for version in ("nothing", "a", "b"):
        model("try", version, "--as", "canary", "--share", "0.5", code=1)
    assert serving.plan() == before


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (("show", "nothing"), "nothing is not in the registry", 1),
        (("promote", "nothing"), "nothing is not in the registry", 1),
        (("rollback",), "has no champion", 1),
        (("add", "nowhere.onnx"), "No such file", 1),
        (("try", "a", "--as", "champion"), "none of shadow, canary", 2),
        (("try", "a", "--as", "canary", "--share", "0.7"), "from 0.01 to 0.5", 2),
        (("promote", "a", "--because", ""), "is empty", 2),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(model, arguments, said, code):
    assert said in model(*arguments, code=code)


def test_a_file_that_is_no_model_does_not_come_into_the_registry(model, tmp_path):
    (tmp_path / "notes.onnx").write_text("not a model")
    assert "not a usable ONNX file" in model("add", tmp_path / "notes.onnx", code=1)
    assert "no models" in model("list")
