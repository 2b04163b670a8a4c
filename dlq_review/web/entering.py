"""Signing in by password or one-time link, and out again."""

from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Annotated, TypeVarTuple

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from contracts.accounts import Account, Actor
from contracts.errors import LoginRefused, LoginsTooMany
from dlq_review.desk import Desk
from dlq_review.web.pages import render
from dlq_review.web.threads import Threads
from dlq_review.web.visitors import SESSION_S, Doors, NotAllowed, Reviewer, TheDesk, address_of, check_origin

_MOST_WAITING = 20
_SITE_BITS = 64
Arguments = TypeVarTuple("Arguments")
router = APIRouter(include_in_schema=False)
_THREADS = Threads("passwords", 2)  # each takes 64 MiB and a core


@router.get("/enter")
def enter(request: Request, next: str = "/") -> Response:  # noqa: A002 - the name in the URL
    """Show the page on which people sign in."""
    return render(request, "enter.html", next=_local(next), by_proxy=request.app.state.doors.by_proxy)


@router.post("/enter")
async def sign_in(
    request: Request,
    desk: TheDesk,
    name: Annotated[str, Form(max_length=100)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002 - the name in the form
) -> Response:
    """Sign in by password; what is wrong is said in the same words whether there is such an account or not."""
    check_origin(request)
    if request.app.state.doors.by_proxy:
        raise NotAllowed
    try:
        return await hashing(_sign_in, request, desk, name, password, _local(next))
    except (LoginRefused, LoginsTooMany) as error:
        status = 429 if isinstance(error, LoginsTooMany) else 401
        return render(request, "enter.html", status=status, next=_local(next), problem=error.detail, name=name)


def _sign_in(request: Request, desk: Desk, name: str, password: str, target: str) -> Response:
    return _opened(request, desk, check_password(desk, name, password, address_of(request)), target, "sign in")


@router.get("/enter/link")
def link(request: Request, token: str = "") -> Response:
    """Show a button: whatever previews a link shall not use it up."""
    return render(request, "link.html", token=token)


@router.post("/enter/link")
def enter_by_link(request: Request, desk: TheDesk, token: Annotated[str, Form(max_length=200)] = "") -> Response:
    """Enter by a one-time link; who has no password yet is led to where one is set."""
    check_origin(request)
    try:
        if (found := desk.accounts.use_link(token)) is None:
            raise LoginRefused("This link was used before, or its time is over. Ask for another one.")
        target = "/" if found[1] is not None or request.app.state.doors.by_proxy else "/account"
        return _opened(request, desk, found, target, "enter by link")
    except LoginRefused as error:
        return render(request, "enter.html", status=401, problem=error.detail, next="/")


@router.post("/leave")
def leave(request: Request, desk: TheDesk, _: Reviewer) -> Response:
    """Sign out."""
    doors: Doors = request.app.state.doors
    desk.accounts.revoke(request.cookies.get(doors.cookie, ""))
    answer = RedirectResponse("/enter", 303)
    answer.delete_cookie(doors.cookie, path="/", secure=doors.https, httponly=True, samesite="lax")
    return answer


async def hashing(work: Callable[[*Arguments], Response], *arguments: *Arguments) -> Response:
    """Return what `work` answers that hashes passwords, two of them at a time; raises LoginsTooMany if too many wait."""
    if _THREADS.waiting >= _MOST_WAITING:
        raise LoginsTooMany("Too many people sign in at this moment. Try again in a few seconds.")
    return await _THREADS.run(work, *arguments)


def check_password(desk: Desk, name: str, password: str, address: str) -> tuple[Account, str | None]:
    """Return whose password it is, with its hash; raises LoginRefused or LoginsTooMany."""
    site = _site_of(address)
    if not desk.accounts.may_try(name, site):
        raise LoginsTooMany("Too many failed logins. Wait a quarter of an hour, or ask an admin for a one-time link.")
    found = desk.accounts.find(name)
    account, hashed = found or (None, None)
    if desk.passwords is None or not desk.passwords.matches(password, hashed) or account is None:
        raise LoginRefused("Name or password is wrong.")
    desk.accounts.succeeded(name, site)
    return account, hashed


def _opened(request: Request, desk: Desk, found: tuple[Account, str | None], target: str, action: str) -> Response:
    doors: Doors = request.app.state.doors
    account, hashed = found
    token = desk.accounts.open_session(account.account_id, hashed, SESSION_S, request.headers.get("user-agent", ""))
    if token is None:
        raise LoginRefused("The account was changed at this moment. Sign in again.")
    desk.failures.note(Actor(account.name, address_of(request)), action)
    answer = RedirectResponse(target, 303)
    answer.set_cookie(doors.cookie, token, int(SESSION_S), path="/", secure=doors.https, httponly=True, samesite="lax")
    return answer


def _site_of(address: str) -> str:
    # Whoever has one address of IPv6 has 2**64 of them.
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address) or found.ipv4_mapped:
        return address
    return str(IPv6Network((int(found), _SITE_BITS), strict=False))


def _local(target: str) -> str:
    # A path of ours and nothing that a browser could take for another host's.
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable() and "\\" not in target
    return target if plain else "/"
