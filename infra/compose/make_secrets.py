"""Makes the secrets of one machine's fleet, each once, into one volume a program: nobody types them, and each sees its own alone.

Runs at each start, as root in a container of its own; standard library only.
"""

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

ROOT = Path(os.environ.get("SECRETS", "/secrets"))
WASTE, VALKEY, POSTGRES, GRAFANA = 10001, 999, 999, 472
"""The users that the programs run as."""
PROGRAMS = ("gateway", "intake", "worker", "review", "learning", "reader")
ACCESS_KEY = "waste-fleet"
BUCKET = os.environ.get("S3_BUCKET", "waste-images")


def main() -> None:
    """Make what is missing; what is there stays as it is."""
    passwords = {program: _once(ROOT / "database" / program, WASTE) for program in PROGRAMS}
    owner = _once(ROOT / "postgres" / "password", POSTGRES)
    broker = _once(ROOT / "kept" / "broker", 0)
    objects = _once(ROOT / "kept" / "objects", 0)
    master = _once(ROOT / "kept" / "device-master-key", 0, lambda: secrets.token_hex(32))
    _write(ROOT / "database" / "database-url", _database_url("waste", owner), WASTE)
    for program in PROGRAMS:
        _write(ROOT / program / "database-url", _database_url(f"waste_{program}_login", passwords[program]), WASTE)
        _write(ROOT / program / "queue-url", f"redis://fleet:{quote(broker, safe='')}@valkey:6379/0", WASTE)
        _write(ROOT / program / "s3-secret-key", objects, WASTE)
    for program in ("gateway", "intake"):
        _write(ROOT / program / "device-master-key", master, WASTE)
    _write(ROOT / "valkey" / "users.acl", _users(broker), VALKEY)
    _write(ROOT / "objects" / "s3.json", _identities(objects), 0)
    _once(ROOT / "grafana" / "admin-password", GRAFANA)
    _write(ROOT / "grafana" / "reader-password", passwords["reader"], GRAFANA)


def _users(broker: str) -> str:
    everything = "~* &* +@all -@admin -@dangerous +info +config|get +client|setinfo +client|setname"
    return f"user default off\nuser health on nopass +ping\nuser fleet on >{broker} {everything}\n"


def _identities(secret: str) -> str:
    keys = [{"accessKey": ACCESS_KEY, "secretKey": secret}]
    actions = [f"{action}:{BUCKET}" for action in ("Read", "Write", "List", "Tagging")]
    return json.dumps({"identities": [{"name": "fleet", "credentials": keys, "actions": actions}]})


def _database_url(user: str, password: str) -> str:
    return f"postgresql://{user}:{quote(password, safe='')}@postgres:5432/waste"


def _once(path: Path, owner: int, make: Callable[[], str] | None = None) -> str:
    if not path.exists():
        _write(path, make() if make else secrets.token_urlsafe(32), owner)
    return path.read_text("utf-8").strip()


def _write(path: Path, text: str, owner: int) -> None:
    """Write a file that its owner alone can read, at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.chown(path.parent, owner, owner)
    path.parent.chmod(0o700)
    started = path.with_name(f".{path.name}")
    with os.fdopen(os.open(started, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o400), "w", encoding="utf-8") as file:
        file.write(text)
    os.chown(started, owner, owner)
    started.replace(path)


if __name__ == "__main__":
    main()
