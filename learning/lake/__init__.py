"""Labelled items as immutable snapshots of partitioned Parquet files, which a model can be trained with again at any time."""
