"""Makes a fleet's secrets on AWS, each once, and puts them into Secrets Manager: no state holds them and nobody types them.

Run after `terraform apply` made the secrets, with the AWS CLI and rights to them; safe to repeat. Standard library only.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping
from urllib.parse import quote

LOGINS = ("gateway", "intake", "worker", "review", "learning", "reader")
"""Programs with a login (migrations/logins.py); the reader's is for dashboards, which have no service here."""
SERVED = LOGINS[:-1]

Get = Callable[[str], str | None]


def main() -> int:
    """Put what is missing or has changed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("fleet", help="its name, as waste-prod")
    parser.add_argument("--database", required=True, help="terraform output -raw database_address")
    parser.add_argument("--broker", help="terraform output -raw broker_address; its password comes by TF_VAR_broker_password")
    parser.add_argument(
        "--rotate", choices=LOGINS, help="a new password for this login; afterwards run the migrate task and restart"
    )
    options = parser.parse_args()
    kept = {name: _get(f"{options.fleet}/{name}") for name in ("logins", "device-master-key", *_urls())}
    wanted = values_of(kept, options.database, rotate=options.rotate)
    if options.broker:
        wanted["queue-url"] = queue_url(options.broker, os.environ["TF_VAR_broker_password"])  # noqa: SIM112 - as Terraform has it
        kept["queue-url"] = _get(f"{options.fleet}/queue-url")
    for name, value in wanted.items():
        if kept[name] != value:
            _put(f"{options.fleet}/{name}", value)
            sys.stdout.write(f"{options.fleet}/{name} has a new value\n")
    return 0


def values_of(kept: Mapping[str, str | None], database: str, *, rotate: str | None = None) -> dict[str, str]:
    """Return secret -> value: what is `kept` stays, what follows from it is made anew, what is missing is made by chance."""
    passwords = json.loads(kept["logins"] or "{}")
    for login in LOGINS:
        if login not in passwords or login == rotate:
            passwords[login] = secrets.token_urlsafe(32)
    urls = {f"database-url-{login}": _database_url(login, passwords[login], database) for login in SERVED}
    master = kept["device-master-key"] or secrets.token_hex(32)
    return {"logins": json.dumps(passwords, sort_keys=True), "device-master-key": master} | urls


def queue_url(broker: str, password: str) -> str:
    """Return the URL of Valkey as the programs take it."""
    return f"rediss://fleet:{quote(password, safe='')}@{broker}:6379/0"


def _database_url(login: str, password: str, database: str) -> str:
    return f"postgresql://waste_{login}_login:{quote(password, safe='')}@{database}:5432/waste?sslmode=require"


def _urls() -> list[str]:
    return [f"database-url-{login}" for login in SERVED]


def _get(name: str) -> str | None:
    ended = _aws("get-secret-value", "--secret-id", name, "--query", "SecretString", "--output", "text")
    if ended.returncode == 0:
        return ended.stdout.removesuffix("\n")
    # Only a secret without a value may be given one: another error must not end a master key.
    if "ResourceNotFoundException" in ended.stderr and "AWSCURRENT" in ended.stderr:
        return None
    raise SystemExit(ended.stderr.strip())


def _put(name: str, value: str) -> None:
    ended = _aws("put-secret-value", "--secret-id", name, "--secret-string", "file:///dev/stdin", told=value)
    if ended.returncode:
        raise SystemExit(ended.stderr.strip())


def _aws(*arguments: str, told: str | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["aws", "secretsmanager", *arguments], input=told, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
