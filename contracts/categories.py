"""The five categories of waste, in the one order that every model, table and page uses."""

from enum import StrEnum


class Category(StrEnum):
    """What an item is made of, as the sorting plant separates it; paper includes cardboard."""

    PLASTIC = "plastic"
    PAPER = "paper"
    GLASS = "glass"
    METAL = "metal"
    ORGANIC = "organic"


CATEGORIES: tuple[Category, ...] = tuple(Category)
