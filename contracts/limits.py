"""What an image may measure; checked while it is fetched and before it is decoded."""

MAX_IMAGE_BYTES = 15_000_000
MAX_IMAGE_PIXELS = 25_000_000
MAX_IMAGE_SIDE_PX = 16_384
"""A picture one pixel wide and 25 million high costs a resize four times the memory of a square one."""
