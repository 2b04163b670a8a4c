"""The slow loop by itself: what has to be looked at again and again."""
