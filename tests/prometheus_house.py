"""A real Prometheus with the fleet's own rules, in which a minute of a rule lasts two seconds."""

import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import yaml

from local.ports import free_port
from tests.conftest import REPOSITORY, need, program, wait_for

RULES = REPOSITORY / "infra" / "prometheus"
_JOBS = {"gateway": "waste-gateway"}


def quickened(text):
    """Return rules that fire within seconds: ages of five minutes become five seconds, and so do the times before an alert."""
    text = re.sub(r"for: (\d+)m\b", r"for: \1s", text)
    text = re.sub(r"\[(\d+)m\]", lambda found: f"[{int(found[1]) * 2}s]", text)
    return re.sub(r"interval: \S+", "interval: 1s", text.replace("> 300", "> 5"))


class Prometheus:
    """Scrapes each program of a fleet every second."""

    def __init__(self, folder, ports):
        binary = program("prometheus")
        need(subprocess.run([binary, "--version"], capture_output=True, check=False).returncode == 0, "Prometheus")
        self.url = f"http://127.0.0.1:{free_port()}"
        for name in ("recording.yml", "alerts.yml"):
            (folder / name).write_text(quickened((RULES / name).read_text("utf-8")), "utf-8")
        scraped = [
            {
                "job_name": _JOBS.get(role, "waste") + ("" if role == "gateway" else f"-{name}"),
                "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": {"role": role}}],
            }
            for name, port in ports.items()
            for role in [re.sub(r"-\d+$", "", name)]
        ]
        config = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "scrape_configs": scraped}
        config["rule_files"] = ["recording.yml", "alerts.yml"]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config), "utf-8")
        options = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [binary, *options, f"--web.listen-address={self.url[7:]}"], stdout=self._log, stderr=self._log
        )
        wait_for(self._ready, 30, "Prometheus")
        wait_for(lambda: sum(value for _, value in self.ask("up")) == len(ports), 30, "the first scrape of all")

    def _ready(self):
        try:
            return urllib.request.urlopen(f"{self.url}/-/ready", timeout=2).status == 200
        except OSError:
            return False

    def ask(self, query):
        """Return the series of an instant query: (labels, value)."""
        address = f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                found = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{query}: {error.read().decode()}") from error
        return [(one["metric"], float(one["value"][1])) for one in found]

    def firing(self):
        """Return the names of the alerts that fire now."""
        return {labels["alertname"] for labels, _ in self.ask('ALERTS{alertstate="firing"}')}

    def stop(self):
        self._process.terminate()
        self._process.wait(20)
        self._log.close()
