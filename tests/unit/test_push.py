"""`infra/deploy/push` against programs that stand for docker, cosign and aws: no registry was ever asked."""

import json
import os
import shutil
import subprocess

import pytest
import yaml

from tests.conftest import REPOSITORY

IMAGE, BESIDE, INDEX = ("sha256:" + letter * 64 for letter in "abc")
DOCKER = f"""#!/bin/sh
echo "docker $*" >> calls
case "$2" in
  build) while [ $# -gt 0 ]; do [ "$1" = --metadata-file ] && echo '{{"containerimage.digest": "{INDEX}"}}' > "$2"; shift; done ;;
  imagetools) echo '{
    json.dumps(
        {
            "manifests": [
                {"digest": IMAGE, "platform": {"os": "linux", "architecture": "amd64"}},
                {"digest": BESIDE, "platform": {"os": "unknown", "architecture": "unknown"}},
            ]
        }
    )
}' ;;
esac
"""
AWS = f"""#!/bin/sh
echo "aws $*" >> calls
case "$*" in
  *imageTag=*|*{INDEX}*) echo "An artifact with media type 'application/vnd.oci.image.index.v1+json' cannot be scanned." >&2; exit 254 ;;
  *describe-image-scan-findings*) echo "${{CRITICAL:-0}}" ;;
esac
"""


@pytest.fixture
def push(tmp_path):
    """Push with the given environment; returns what came of it."""
    if shutil.which("jq") is None:
        pytest.skip("needs jq")
    for name, text in {"docker": DOCKER, "aws": AWS, "cosign": "#!/bin/sh\nexit ${UNSIGNED:-0}\n"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)

    def push(**environment):
        return subprocess.run(
            [REPOSITORY / "infra" / "deploy" / "push", "registry", "0123abcd"],
            cwd=tmp_path,
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}"} | environment,
            capture_output=True,
            text=True,
        )

    return push


def test_the_image_is_what_the_registry_scans_and_the_index_is_what_is_deployed(push):
    done = push()
    assert done.returncode == 0, done.stderr
    services = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert len(services) == 8
    assert services["drain"] == f"registry/waste-review@{INDEX}"


@pytest.mark.parametrize("environment", [{"CRITICAL": "2"}, {"UNSIGNED": "1"}])
def test_an_image_with_critical_findings_or_no_signature_is_not_deployed(push, environment):
    done = push(**environment)
    assert done.returncode != 0
    assert done.stdout == ""


def test_the_step_that_pushes_fails_with_it():
    workflow = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "deploy.yml").read_text())
    (step,) = (one for one in workflow["jobs"]["images"]["steps"] if one.get("id") == "push")
    before, pipe, _ = step["run"].partition("| tee")
    assert pipe
    assert "set -o pipefail" in before, "GitHub's own shell takes a pipe for well when its last program is"
