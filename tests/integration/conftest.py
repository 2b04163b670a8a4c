"""What several files of these tests share."""

import pytest

from learning.__main__ import main


@pytest.fixture(scope="session")
def rendered(tmp_path_factory):
    """Rendered pictures of the five categories with their manifest, to read and not to change."""
    folder = tmp_path_factory.mktemp("rendered")
    assert main(["render", str(folder), "--per-category", "24"]) == 0
    return folder
