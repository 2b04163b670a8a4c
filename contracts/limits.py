"""What an image may measure; checked while it is fetched and before it is decoded."""

MAX_IMAGE_BYTES = 15_000_000
MAX_IMAGE_PIXELS = 25_000_000
