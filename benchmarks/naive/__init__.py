"""What a Celery tutorial leads to, for comparison; nothing of ours is in its worker but the model file."""
