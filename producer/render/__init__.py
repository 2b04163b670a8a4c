"""Photographs of waste that never was: for trying the fleet out, for tests, and as a part of the training data."""

from producer.render.scene import render

__all__ = ["render"]
