"""The database's newest shape, each program's login, and the months that go, from what the task is started with; safe to repeat."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

PROGRAMS = ("gateway", "intake", "worker", "review", "learning", "reader")


def main() -> int:
    """Run `waste db migrate`, `logins` and `maintain` as the database's owner."""
    os.umask(0o077)
    password = quote(os.environ["OWNER_PASSWORD"], safe="")
    url = f"postgresql://waste:{password}@{os.environ['DATABASE_HOST']}:5432/waste?sslmode=require"
    folder = Path("/tmp/logins")  # noqa: S108 - a volume of this task alone
    folder.mkdir(exist_ok=True)
    for program in PROGRAMS:
        (folder / program).write_text(os.environ[f"LOGIN_{program.upper()}"], "utf-8")
    for command in (["db", "migrate"], ["db", "logins", str(folder)], ["db", "maintain"]):
        ended = subprocess.run(["waste", *command], env=os.environ | {"DATABASE_URL": url}, check=False)
        if ended.returncode:
            return ended.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
