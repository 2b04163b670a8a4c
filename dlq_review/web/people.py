"""The admin's page: who may enter, and as what."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from contracts.accounts import Role
from contracts.errors import RequestRefused
from dlq_review.desk import Desk
from dlq_review.people import create_account, login_link
from dlq_review.text import plain
from dlq_review.web.entering import check_password, hashing
from dlq_review.web.pages import render
from dlq_review.web.visitors import Admin, Doors, NotAllowed, Reviewer, TheDesk, Visitor

router = APIRouter(include_in_schema=False)


@router.get("/people")
def people(request: Request, desk: TheDesk, visitor: Admin) -> Response:
    """Show all accounts."""
    return render(request, "people.html", visitor, rows=desk.accounts.everyone(), link=None, roles=list(Role))


@router.post("/people")
def add(
    request: Request, desk: TheDesk, visitor: Admin, name: Annotated[str, Form(max_length=200)], role: Annotated[Role, Form()]
) -> Response:
    """Make an account, and show the one-time link with which its owner enters first."""
    account = create_account(desk, name, role)
    desk.failures.note(visitor.actor, "create account", account.name, role=role)
    return _with_link(request, desk, visitor, account.name)


@router.post("/people/change")
def change(
    request: Request,
    desk: TheDesk,
    visitor: Admin,
    name: Annotated[str, Form()],
    what: Annotated[Role | Literal["link", "disable", "enable"], Form()],
) -> Response:
    """Change a role, lock an account or let it in again, or make a link for one who forgot the password."""
    if name.lower() == visitor.account.name.lower():
        raise RequestRefused("name", "is your own: another admin has to do that")
    if what == "link":
        desk.failures.note(visitor.actor, "account: link", plain(name, 100))
        return _with_link(request, desk, visitor, name)
    if isinstance(what, Role):
        changed = desk.accounts.change(name, role=what)
    else:
        changed = desk.accounts.change(name, disabled=what == "disable")
    if changed is None:
        raise RequestRefused("name", f"{name!r} has no account")
    desk.failures.note(visitor.actor, f"account: {what}", changed.name)
    return RedirectResponse("/people", 303)


@router.get("/account")
def account(request: Request, visitor: Reviewer, said: str = "") -> Response:
    """Show one's own account."""
    return render(request, "account.html", visitor, said=plain(said))


@router.post("/account/password")
async def password(
    request: Request,
    desk: TheDesk,
    visitor: Reviewer,
    new: Annotated[str, Form(max_length=1000)],
    old: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Set one's own password; who has one has to say it. All that was open is closed, this page too."""
    return await hashing(_set_password, request, desk, visitor, new, old)


def _set_password(request: Request, desk: Desk, visitor: Visitor, new: str, old: str) -> Response:
    doors: Doors = request.app.state.doors
    if desk.passwords is None or doors.by_proxy:
        raise RequestRefused("password", "is not used here")
    found = desk.accounts.find(visitor.account.name)
    if not visitor.csrf:  # a program's token is not the person
        raise NotAllowed
    if found and found[1] is not None:
        check_password(desk, visitor.account.name, old, visitor.address)
    desk.accounts.change(visitor.account.name, password_hash=desk.passwords.hash(new, visitor.account.name))
    desk.failures.note(visitor.actor, "set password", visitor.account.name)
    return render(request, "enter.html", next="/", by_proxy=False, done="The password is set. Sign in with it.")


def _with_link(request: Request, desk: TheDesk, visitor: Admin, name: str) -> Response:
    doors: Doors = request.app.state.doors
    link = login_link(desk, name, doors.public_url)
    return render(request, "people.html", visitor, rows=desk.accounts.everyone(), link=(name, link), roles=list(Role))
