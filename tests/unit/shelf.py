"""Models for the tests of those that a worker serves."""

from contracts.errors import ObjectStoreUnavailable
from contracts.models import ModelFile
from contracts.outcomes import Scores


class Said:
    """A model that is as sure as `best` of the category `index`."""

    outlier_threshold = None

    def __init__(self, version, index=0, best=0.9, threshold=0.75, error=None):
        self.version, self.threshold, self.asked = version, threshold, 0
        self.scores, self.error = [best if i == index else (1 - best) / 4 for i in range(5)], error

    def classify(self, image):
        self.asked += 1
        if self.error:
            raise self.error
        return Scores(self.scores)


def file(version):
    return ModelFile(version, f"{version:0>64}", f"models/{version}")


class Shelf:
    """Models by version, some of which do not load."""

    def __init__(self, *models):
        self.models, self.loaded, self.missing = {m.version: m for m in models}, [], set()

    def __call__(self, found):
        if found.version in self.missing:
            raise ObjectStoreUnavailable("away")
        self.loaded.append(found.version)
        return self.models[found.version]
