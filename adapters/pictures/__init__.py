"""Photographs: as files, as pixels for the model, as pictures for people."""
