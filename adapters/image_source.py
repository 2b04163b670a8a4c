"""Where the fleet gets images from: the object store or an allowed host, by the URL's scheme."""

import ipaddress
from concurrent.futures import Future, ThreadPoolExecutor

from adapters.http.images import HttpsImages
from adapters.object_store import key_source
from adapters.s3.images import S3Images
from adapters.settings import ImageSettings, ObjectStoreSettings
from contracts.image_urls import S3Location, UrlRule, locate

_MOST_PAGES_AT_ONCE = 256


class SourceSettings(ImageSettings, ObjectStoreSettings):
    """What it takes to get images."""


class FleetImageSource:
    """Implements `contracts.ports.ImageSource`."""

    def __init__(self, rule: UrlRule, objects: S3Images, pages: HttpsImages, *, bucket: str) -> None:
        """Fetch what `rule` allows; `bucket` is asked whether the keys are good."""
        self._bucket = bucket
        self._rule = rule
        self._objects = objects
        self._pages = pages
        self._threads = ThreadPoolExecutor(_MOST_PAGES_AT_ONCE, "fetch")

    def begin(self, image_url: str) -> Future[bytes]:
        """Begin to fetch a file; an image_url that the rule forbids is refused before any connection."""
        location = locate(image_url, self._rule)
        if isinstance(location, S3Location):
            return self._objects.begin(location)
        return self._threads.submit(self._pages.fetch, location)

    def check(self, *, answers: bool = True) -> None:
        """Raise ObjectStoreUnavailable if the object store refuses the keys, and with `answers` if it is away."""
        self._objects.check(self._bucket, answers=answers)


def open_image_source(settings: SourceSettings) -> FleetImageSource:
    """Return where a worker gets images."""
    networks = [ipaddress.ip_network(text) for text in settings.image_networks]
    objects = S3Images(key_source(settings), endpoint_url=settings.s3_endpoint_url, region=settings.s3_region)
    pages = HttpsImages(settings.rule(), allowed_networks=networks)
    return FleetImageSource(settings.rule(), objects, pages, bucket=settings.s3_bucket)
