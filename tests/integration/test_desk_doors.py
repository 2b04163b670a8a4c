"""Who gets into the desk, as whom, and what no page of the desk asked for."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx2
import psycopg
import pytest

from contracts.accounts import Role
from contracts.errors import RequestRefused
from dlq_review.people import login_link
from tests.conftest import wait_for
from tests.desk_house import PAGES, PASSWORD, URL


@pytest.mark.parametrize("role", [None, *Role])
def test_each_role_sees_its_pages_and_no_other(house, role):
    client = house.client("somebody", role) if role else house.client()
    for needed, paths in PAGES.items():
        for path in paths:
            status = client.get(path, follow_redirects=False).status_code
            if role is None:
                assert status == (401 if path.startswith("/api") else 303), path
            else:
                assert status == (200 if role.covers(needed) else 403), path


def test_people_sign_in_by_password_and_out_and_too_many_guesses_end_it(house):
    account = house.account("rita")
    house.desk.accounts.change("rita", password_hash=house.desk.passwords.hash(PASSWORD, "rita"))
    client = house.client()
    wrong = client.post("/enter", data={"name": "rita", "password": "x"})
    unknown = client.post("/enter", data={"name": "nobody", "password": "x"})
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert "Name or password is wrong" in wrong.text
    assert "Name or password is wrong" in unknown.text
    entered = client.post("/enter", data={"name": "Rita", "password": PASSWORD, "next": "/history"}, follow_redirects=False)
    assert (entered.status_code, entered.headers["location"]) == (303, "/history")
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    stored = [
        bytes(one)
        for (one,) in house.sql.execute("SELECT token_sha256 FROM credentials WHERE account_id = %s", (account.account_id,))
    ]
    assert client.cookies["waste-desk"].encode() not in stored
    page = client.get("/history").text
    csrf = re.search(r'name="csrf" value="(\w+)"', page)[1]
    assert client.post("/leave", data={"csrf": csrf}, follow_redirects=False).status_code == 303
    assert client.get("/history", follow_redirects=False).status_code == 303
    for _ in range(5):
        client.post("/enter", data={"name": "rita", "password": "guess"})
    locked = client.post("/enter", data={"name": "rita", "password": PASSWORD})
    assert locked.status_code == 429
    assert "quarter of an hour" in locked.text


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_leads_nowhere_else(house, target):
    house.account("rita")
    house.desk.accounts.change("rita", password_hash=house.desk.passwords.hash(PASSWORD, "rita"))
    entered = house.client().post("/enter", data={"name": "rita", "password": PASSWORD, "next": target}, follow_redirects=False)
    assert entered.headers["location"] == "/"


def test_a_weak_password_is_refused_and_a_new_one_ends_every_session(house):
    first, second = house.client("rita"), house.client("rita")
    csrf = {"csrf": first.headers["x-csrf-token"]}
    for weak in ("short", "aaaaaaaaaaaaaaaa", "rita is my name!"):
        assert first.post("/account/password", data=csrf | {"new": weak}).status_code == 422
    assert first.post("/account/password", data=csrf | {"new": PASSWORD}).status_code == 200
    assert second.get("/history", follow_redirects=False).status_code == 303


def test_a_programs_token_sets_no_password_and_who_has_one_has_to_say_it(house):
    account = house.account("rita")
    token = house.desk.accounts.issue("api", account.account_id, 600)
    taken = house.client().post("/account/password", data={"new": PASSWORD}, headers={"authorization": f"Bearer {token}"})
    assert taken.status_code == 403
    house.desk.accounts.change("rita", password_hash=house.desk.passwords.hash(PASSWORD, "rita"))
    rita = house.client("rita")
    csrf = {"csrf": rita.headers["x-csrf-token"]}
    assert rita.post("/account/password", data=csrf | {"new": "another horse battery", "old": "wrong"}).status_code == 403
    assert rita.post("/account/password", data=csrf | {"new": "another horse battery", "old": PASSWORD}).status_code == 200


def test_a_link_opens_the_desk_once(house):
    house.account("rita")
    token = login_link(house.desk, "rita", URL).partition("token=")[2]
    client = house.client()
    assert client.get(f"/enter/link?token={token}").status_code == 200
    assert client.post("/enter/link", data={"token": token}, follow_redirects=False).status_code == 303
    assert client.get("/history").status_code == 200
    assert house.client().post("/enter/link", data={"token": token}).status_code == 401


def test_who_was_locked_is_out_at_once(house):
    client = house.client("rita")
    house.desk.accounts.change("rita", disabled=True)
    assert client.get("/history", follow_redirects=False).status_code == 303


def test_a_proxys_word_counts_only_with_its_secret(house):
    house.account("olga", Role.OPS)
    client = house.client(proxy_user_header="X-User", proxy_secret="s" * 20)
    assert client.get("/failures", headers={"X-User": "olga"}, follow_redirects=False).status_code == 303
    assert (
        client.get("/failures", headers={"X-User": "olga", "X-Proxy-Secret": "t" * 20}, follow_redirects=False).status_code == 303
    )
    assert client.get("/failures", headers={"X-User": "olga", "X-Proxy-Secret": "s" * 20}).status_code == 200


def test_behind_a_proxy_nobody_enters_by_password(house):
    house.account("rita")
    house.desk.accounts.change("rita", password_hash=house.desk.passwords.hash(PASSWORD, "rita"))
    client = house.client(proxy_user_header="X-User", proxy_secret="s" * 20)
    assert client.post("/enter", data={"name": "rita", "password": PASSWORD}).status_code == 403


def test_guesses_from_elsewhere_lock_nobody_out_and_refused_ones_are_many(house):
    for number in range(60):
        house.desk.accounts.may_try("rita", f"10.0.0.{number}")
    assert house.desk.accounts.may_try("rita", "10.0.1.1")
    assert [house.desk.accounts.may_try(f"name{n}", "10.9.9.9") for n in range(40)].count(True) == 30


def test_a_try_that_is_refused_leaves_nothing_behind_and_of_many_at_once_no_more_are_taken(house):
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda n: house.desk.accounts.may_try(f"name{n}", "10.9.9.9"), range(100)))
    assert taken.count(True) == 30
    assert house.sql.execute("SELECT count(*) FROM login_failures").fetchone() == (30,)


def test_all_addresses_of_an_ipv6_site_count_as_one_and_those_of_ipv4_each_for_itself(house):
    def guesses(address):
        client = house.client(address=address)
        return [client.post("/enter", data={"name": "rita", "password": "x"}).status_code for _ in range(3)]

    assert guesses("2001:db8:0:1::1") + guesses("2001:db8:0:1:ffff::2") == [401] * 5 + [429]
    assert guesses("2001:db8:0:2::1") == [401] * 3
    assert guesses("::ffff:192.0.2.1") + guesses("::ffff:192.0.2.2") == [401] * 6


def test_a_flood_of_logins_is_refused_and_holds_up_nobody_who_is_signed_in(house, served, monkeypatch):
    monkeypatch.setattr(house.desk.accounts, "may_try", lambda *_: True)  # as if each came from elsewhere
    cookies = {"waste-desk": house.client("rita").cookies["waste-desk"]}
    guess = {"name": "rita", "password": "x" * 20}
    with ThreadPoolExecutor(120) as pool, httpx2.Client(base_url=served.url, cookies=cookies, timeout=30) as rita:
        flood = [pool.submit(httpx2.post, f"{served.url}/enter", data=guess, timeout=30) for _ in range(120)]
        wait_for(lambda: any(one.done() for one in flood), 10, "the flood")
        began = time.monotonic()
        assert rita.get("/account").status_code == 200
        took_s = time.monotonic() - began
        statuses = {one.result().status_code for one in flood}
    assert took_s < 2
    assert statuses == {401, 429}


@pytest.mark.parametrize("name", ["r\u0130ta", "r\u0131ta"])
def test_a_name_that_postgres_could_take_for_another_is_nobodys(house, name):
    house.account("rita")
    assert house.desk.accounts.find(name) is None


@pytest.mark.parametrize("change", [{"password_hash": "another"}, {"disabled": True}])
@pytest.mark.parametrize("way", ["password", "link"])
def test_what_is_opened_while_its_account_changes_stays_closed(house, monkeypatch, way, change):
    house.account("rita")
    house.desk.accounts.change("rita", password_hash=house.desk.passwords.hash(PASSWORD, "rita"))
    token = login_link(house.desk, "rita", URL).partition("token=")[2]
    opens = house.desk.accounts.open_session

    def changed_meanwhile(*arguments):
        house.desk.accounts.change("rita", **change)
        return opens(*arguments)

    monkeypatch.setattr(house.desk.accounts, "open_session", changed_meanwhile)
    client = house.client()
    form = {"name": "rita", "password": PASSWORD} if way == "password" else {"token": token}
    entered = client.post("/enter" if way == "password" else "/enter/link", data=form, follow_redirects=False)
    assert entered.status_code == 401
    house.desk.accounts.change("rita", disabled=False)
    assert client.get("/history", follow_redirects=False).status_code == 303


def test_a_change_that_waits_for_a_session_to_open_ends_it(house):
    account = house.account("rita")
    with psycopg.connect(house.urls["review"]) as slow, ThreadPoolExecutor(1) as pool:
        slow.execute("SELECT FROM accounts FOR SHARE")
        changed = pool.submit(house.desk.accounts.change, "rita", password_hash="another")
        wait_for(lambda: house.sql.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() == (1,), 5, "the change")
        session = house.desk.accounts.open_session(account.account_id, None, 600)
        slow.rollback()
        assert changed.result(5) == account
    assert house.desk.accounts.account_of("session", session) is None


@pytest.mark.parametrize("name", ["rita\u3164", "r\u0456ta", "a  b", "", "-x", "a" * 100])
def test_a_name_that_could_be_taken_for_another_is_refused(house, name):
    with pytest.raises(RequestRefused, match="name"):
        house.account(name)


def test_a_request_that_no_page_of_the_desk_made_changes_nothing(house):
    (event_id,) = house.file()
    rita, other = house.client("rita"), house.client("rolf")
    form = {"event_id": str(event_id), "label_id": str(uuid4()), "page": str(uuid4()), "choice": "glass"}
    del rita.headers["x-csrf-token"]
    assert rita.post("/review/answer", data=form).status_code == 403
    assert rita.post("/review/answer", data=form | {"csrf": other.headers["x-csrf-token"]}).status_code == 403
    own = house.client("rita")
    form["csrf"] = own.headers["x-csrf-token"]
    assert own.post("/review/answer", data=form, headers={"origin": "https://evil.example"}).status_code == 403
    assert own.post("/review/answer", data=form, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert house.state(event_id) == ("open", None)
    assert own.post("/review/answer", data=form, follow_redirects=False).status_code == 303
    assert house.state(event_id) == ("labelled", "glass")
    assert own.post("/review/answer", data=form, follow_redirects=False).status_code == 303
    (row,) = house.sql.execute("SELECT count(*) FROM labels")
    assert row == (1,)


@pytest.mark.parametrize(("charset", "said"), [("unicode_escape", r"\ud800"), ("utf-7", "+2AA-"), ("undefined", "x")])
def test_a_form_in_a_charset_that_decodes_to_no_text_is_not_meant(house, charset, said):
    client = house.client("rita")
    del client.headers["x-csrf-token"]
    form = f'--b\r\ncontent-disposition: form-data; name="csrf"\r\n\r\n{said}\r\n--b--\r\n'
    kind = {"content-type": f"multipart/form-data; boundary=b; charset={charset}"}
    assert client.post("/leave", content=form, headers=kind).status_code == 403


def test_another_name_for_this_server_is_refused(house):
    assert house.client("rita").get("/review", headers={"host": "evil.example"}).status_code == 400
