"""Who makes a request, whether it may, and whether it was really meant: sessions, tokens, a proxy's word, CSRF."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPBearer
from starlette.concurrency import run_in_threadpool

from contracts.accounts import Account, Actor, Role
from dlq_review.desk import Desk

SESSION_S = 12 * 3600.0
_SAFE = frozenset({"GET", "HEAD"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class NotSignedIn(Exception):
    """Nobody is signed in."""


class NotAllowed(Exception):
    """The account's role may not do that."""


class NotMeant(Exception):
    """The request does not come from a page of this desk."""


@dataclass(frozen=True, kw_only=True)
class Doors:
    """How people may enter. `public_url` is what browsers call the desk."""

    public_url: str
    proxy_user_header: str | None = None
    proxy_secret: str | None = field(default=None, repr=False)

    @property
    def https(self) -> bool:
        """Whether browsers reach the desk by https."""
        return self.public_url.startswith("https://")

    @property
    def cookie(self) -> str:
        """The session cookie's name; the prefix makes browsers insist on https and this host."""
        return "__Host-waste-desk" if self.https else "waste-desk"

    @property
    def by_proxy(self) -> bool:
        """Whether a reverse proxy says who somebody is."""
        return self.proxy_user_header is not None and self.proxy_secret is not None


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who makes a request; `csrf` is what the forms of their pages carry."""

    account: Account
    csrf: str = field(repr=False)
    address: str

    @property
    def actor(self) -> Actor:
        """The visitor as the audit trail names them."""
        return Actor(self.account.name, self.address)

    @property
    def may_ops(self) -> bool:
        """Whether the visitor may see failures."""
        return self.may(Role.OPS)

    @property
    def may_admin(self) -> bool:
        """Whether the visitor may change accounts."""
        return self.may(Role.ADMIN)

    def may(self, role: Role) -> bool:
        """Return whether the visitor's role covers another."""
        return self.account.role.covers(role)

    def flash(self, text: str) -> dict[str, str]:
        """Return the query by which the next page says something to this visitor, and to nobody else."""
        return {"said": text, "seal": _mac(self.csrf, f"said {text}")}

    def flashed(self, said: str, seal: str) -> str:
        """Return what an action has to say on the page after it: nothing that somebody else wrote into a link."""
        own = bool(self.csrf) and hmac.compare_digest(_mac(self.csrf, f"said {said}").encode(), seal.encode(errors="replace"))
        return said if own else ""


def needs(role: Role) -> Callable[[Request], "Visitor"]:
    """Return a dependency: the visitor of a request, if the role is covered and the request was meant.

    Raises NotSignedIn, NotAllowed or NotMeant.
    """

    async def visitor(request: Request) -> Visitor:
        found = await run_in_threadpool(_find, request)
        if found is None:
            raise NotSignedIn
        person, by_token = found
        if request.method not in _SAFE and not by_token:
            await _meant(request, person)
        if not person.may(role):
            raise NotAllowed
        return person

    return visitor  # type: ignore[return-value]  # FastAPI takes coroutines as well


def desk_of(request: Request) -> Desk:
    """Return what the pages work with."""
    desk: Desk = request.app.state.desk
    return desk


def address_of(request: Request) -> str:
    """Return where a request comes from."""
    return request.client.host if request.client else ""


def check_origin(request: Request) -> None:
    """Raise NotMeant if a browser says that another site made the request."""
    doors: Doors = request.app.state.doors
    origin = request.headers.get("origin")
    hosts = {urlsplit(doors.public_url).netloc, request.headers.get("host", "")}
    if origin is not None and urlsplit(origin).netloc not in hosts:
        raise NotMeant
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise NotMeant


def _find(request: Request) -> tuple[Visitor, bool] | None:
    desk, doors, address = desk_of(request), request.app.state.doors, address_of(request)
    if doors.by_proxy and (proxied := _by_proxy(request, doors, desk)):
        return Visitor(proxied, _mac(str(doors.proxy_secret), proxied.name), address), False
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        account = desk.accounts.account_of("api", token)
        return (Visitor(account, "", address), True) if account else None
    session = request.cookies.get(doors.cookie, "")
    account = desk.accounts.account_of("session", session) if session else None
    return (Visitor(account, _mac(session, "csrf"), address), False) if account else None


def _by_proxy(request: Request, doors: Doors, desk: Desk) -> Account | None:
    # Whoever reaches the desk past the proxy can write the header too, but not the secret.
    said = request.headers.get("x-proxy-secret", "")
    if not hmac.compare_digest(said.encode(), str(doors.proxy_secret).encode()):
        return None
    found = desk.accounts.find(request.headers.get(str(doors.proxy_user_header), ""))
    return found[0] if found else None


async def _meant(request: Request, person: Visitor) -> None:
    check_origin(request)
    said = request.headers.get("x-csrf-token")
    if said is None and request.headers.get("content-type", "").startswith(_FORMS):
        said = await _said_in_form(request)
    if not hmac.compare_digest((said or "").encode(errors="replace"), person.csrf.encode()):
        raise NotMeant


async def _said_in_form(request: Request) -> str:
    try:
        return str((await request.form()).get("csrf", ""))
    except UnicodeError:  # the form names its own charset, and may name one that decodes nothing
        raise NotMeant from None


def _mac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(errors="replace"), hashlib.sha256).hexdigest()


Reviewer = Annotated[Visitor, Depends(needs(Role.REVIEWER))]
Ops = Annotated[Visitor, Depends(needs(Role.OPS))]
Admin = Annotated[Visitor, Depends(needs(Role.ADMIN))]
TheDesk = Annotated[Desk, Depends(desk_of)]
_BEARER = HTTPBearer(auto_error=False, description="A token that `waste dlq account token` prints.")
_COOKIE = APIKeyCookie(name="waste-desk", auto_error=False, description="A session; calls that change something need X-CSRF-Token.")
ENTRANCES = [Security(_BEARER), Security(_COOKIE)]
"""How programs and pages enter the API, for its description."""
