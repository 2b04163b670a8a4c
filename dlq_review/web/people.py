"""The admin's page: who may enter, and as what."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from contracts.accounts import Account, Role
from contracts.errors import LoginRefused, LoginsTooMany, PasswordTooWeak, RequestRefused
from dlq_review.desk import Desk
from dlq_review.people import create_account, login_link
from dlq_review.text import plain
from dlq_review.web.entering import check_password, hashing
from dlq_review.web.pages import render
from dlq_review.web.visitors import Admin, Doors, NotAllowed, Reviewer, TheDesk, Visitor
from dlq_review.web.wording import sentence

router = APIRouter(include_in_schema=False)


@router.get("/people")
def people(request: Request, desk: TheDesk, visitor: Admin) -> Response:
    """Show all accounts."""
    return _page(request, desk, visitor)


@router.post("/people")
def add(
    request: Request, desk: TheDesk, visitor: Admin, role: Annotated[Role, Form()], name: Annotated[str, Form()] = ""
) -> Response:
    """Make an account, and show the one-time link with which its owner enters first."""
    try:
        account = create_account(desk, name, role)
    except RequestRefused as error:
        return _page(request, desk, visitor, problem=sentence(error), typed={"name": name, "role": role.value})
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
    try:
        if what == "link":
            _check_other(visitor, name)
            desk.failures.note(visitor.actor, "account: link", plain(name, 100))
            return _with_link(request, desk, visitor, name)
        changed = _change(desk, visitor, name, what)
    except RequestRefused as error:
        return _page(request, desk, visitor, problem=sentence(error))
    desk.failures.note(visitor.actor, f"account: {what}", changed.name)
    return RedirectResponse("/people", 303)


def _check_other(visitor: Visitor, name: str) -> None:
    if name.lower() == visitor.account.name.lower():
        raise RequestRefused(f"The account {visitor.account.name}", "is your own: another admin has to do that")


def _change(desk: Desk, visitor: Visitor, name: str, what: str) -> Account:
    _check_other(visitor, name)
    change = {"role": what} if isinstance(what, Role) else {"disabled": what == "disable"}
    changed = desk.accounts.change(name, **change)
    if changed is None:
        raise RequestRefused("name", f"{name!r} has no account")
    return changed


def _page(
    request: Request,
    desk: Desk,
    visitor: Visitor,
    *,
    problem: str | None = None,
    link: tuple[str, str] | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    told = {"rows": desk.accounts.everyone(), "link": link, "roles": list(Role), "typed": typed or {"name": "", "role": ""}}
    by_proxy = request.app.state.doors.by_proxy
    return render(request, "people.html", visitor, 422 if problem else 200, problem=problem, by_proxy=by_proxy, **told)


@router.get("/account")
def account(request: Request, desk: TheDesk, visitor: Reviewer) -> Response:
    """Show one's own account."""
    return _account(request, desk, visitor)


def _account(request: Request, desk: Desk, visitor: Visitor, problem: str | None = None, status: int = 200) -> Response:
    found = desk.accounts.find(visitor.account.name)
    told = {"has_password": bool(found and found[1]), "by_proxy": request.app.state.doors.by_proxy}
    return render(request, "account.html", visitor, status, problem=problem, **told)


@router.post("/account/password")
async def password(
    request: Request,
    desk: TheDesk,
    visitor: Reviewer,
    new: Annotated[str, Form(max_length=1000)] = "",
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
    try:
        if found and found[1] is not None:
            check_password(desk, visitor.account.name, old, visitor.address)
        hashed = desk.passwords.hash(new, visitor.account.name)
    except LoginsTooMany as error:
        return _account(request, desk, visitor, error.detail, 429)
    except LoginRefused:
        return _account(request, desk, visitor, "Old password is not right. Nothing was changed.", 403)
    except PasswordTooWeak as error:
        return _account(request, desk, visitor, sentence(error), 422)
    desk.accounts.change(visitor.account.name, password_hash=hashed)
    desk.failures.note(visitor.actor, "set password", visitor.account.name)
    return render(request, "enter.html", next="/", by_proxy=False, done="The password is set. Sign in with it.")


def _with_link(request: Request, desk: TheDesk, visitor: Admin, name: str) -> Response:
    doors: Doors = request.app.state.doors
    link = login_link(desk, name, doors.public_url)
    return _page(request, desk, visitor, link=(name, link))
