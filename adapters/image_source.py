"""Where the fleet gets images from: the object store or an allowed host, by the URL's scheme."""

from adapters.https_images import HttpsImages
from adapters.s3_objects import S3Objects
from contracts.image_urls import S3Location, UrlRule, locate


class FleetImageSource:
    """Implements `contracts.ports.ImageSource`."""

    def __init__(self, rule: UrlRule, objects: S3Objects, pages: HttpsImages) -> None:
        """Fetch what `rule` allows."""
        self._rule = rule
        self._objects = objects
        self._pages = pages

    def fetch(self, image_url: str) -> bytes:
        """Return the file; an image_url that the rule forbids is refused before any connection."""
        location = locate(image_url, self._rule)
        if isinstance(location, S3Location):
            return self._objects.fetch(location)
        return self._pages.fetch(location)
