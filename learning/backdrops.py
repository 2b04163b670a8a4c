"""Backgrounds that no photograph is needed for: ground of many kinds, boards, and round shapes to cut produce by."""

import math

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

_GROUNDS = (
    ((60, 80, 35), (110, 140, 70)),  # grass
    ((70, 60, 45), (150, 130, 100)),  # soil
    ((80, 80, 80), (150, 150, 150)),  # asphalt
    ((40, 40, 42), (100, 98, 95)),  # wet asphalt
    ((120, 100, 80), (200, 180, 150)),  # sand
    ((150, 150, 145), (220, 218, 210)),  # concrete
    ((50, 35, 25), (110, 75, 45)),  # leaves
    ((140, 90, 50), (190, 140, 90)),  # wood
    ((35, 50, 70), (120, 140, 160)),  # plastic of a bin
)


def ground(chance: np.random.Generator, side: int) -> Pixels:
    """Return noise whose strength falls with frequency, as in photographs, in the colours of some ground, [side, side, 3]."""
    falloff = _spectrum(chance, side)
    coarse, fine = _noise(chance, falloff, side), _noise(chance, falloff, side)
    dark, light = (np.array(colour, np.float64) for colour in _GROUNDS[chance.integers(len(_GROUNDS))])
    blend = 1 / (1 + np.exp(-coarse * chance.uniform(0.5, 2.5)))[..., None]
    pixels = dark + (light - dark) * blend + fine[..., None] * chance.uniform(2, 25) + chance.normal(size=3) * 12
    if chance.random() < 0.5:
        pixels = pixels + chance.normal(size=pixels.shape) * chance.uniform(2, 14)
    return np.asarray(np.clip(pixels, 0, 255), np.uint8)


def board(chance: np.random.Generator, side: int) -> Pixels:
    """Return a light board in uneven light, [side, side, 3]."""
    colour = chance.uniform(190, 245) + chance.normal(size=3) * np.array([4, 4, 10])
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    light = 1 + chance.normal() * 0.15 * x + chance.normal() * 0.15 * y - abs(chance.normal()) * 0.35 * (x * x + y * y)
    pixels: NDArray[np.float64] = colour * light[..., None] + chance.normal(size=(side, side, 1)) * 2
    return np.asarray(np.clip(pixels, 0, 255), np.uint8)


def blob(chance: np.random.Generator, side: int) -> Pixels:
    """Return the mask [side, side] of one smooth round shape."""
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    angle, distance = np.arctan2(y, x), np.hypot(y, x)
    radius = np.full_like(angle, chance.uniform(0.28, 0.42))
    for wave in range(1, 6):
        radius = radius + chance.normal() * 0.06 / wave * np.cos(wave * angle + chance.uniform(0, 2 * math.pi))
    return np.asarray(np.clip((radius - distance) * side / 3, 0, 1) * 255, np.uint8)


def _spectrum(chance: np.random.Generator, side: int) -> NDArray[np.float64]:
    down, across = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    power = down**2 + across**2
    if chance.random() < 0.4:  # grass and planks have a direction
        turn = chance.uniform(0, math.pi)
        along = across * math.cos(turn) + down * math.sin(turn)
        power = along**2 * chance.uniform(2, 12) + (down * math.cos(turn) - across * math.sin(turn)) ** 2
    power[0, 0] = 1
    return np.asarray(power ** (-chance.uniform(0.6, 2.2) / 2))


def _noise(chance: np.random.Generator, falloff: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    shape = (side, side // 2 + 1)
    field = np.fft.irfft2((chance.normal(size=shape) + 1j * chance.normal(size=shape)) * falloff, (side, side))
    return np.asarray((field - field.mean()) / (field.std() + 1e-6))
