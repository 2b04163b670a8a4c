"""The names and shapes of the model file, as `adapters.onnx.model` demands them on the other side."""

IMAGE = "image"
"""Input: uint8 [n, 224, 224, 3], RGB, as `adapters.pictures.pixels.decode` makes it."""
FEATURES = "features"
"""Output: float32 [n, 1280], the backbone's pooled features; a new head is fitted on them."""
PROBABILITIES = "probabilities"
"""Output: float32 [n, 5], in the order of `contracts.categories.CATEGORIES`."""

OUTLIER_SCORE = "outlier_score"
"""Output, if the model scores outliers: float32 [n] in [0, 1], high for what shows none of the five."""

SIDE_PX = 224
WIDTH = 1280
OPSET = 17
IR_VERSION = 9
