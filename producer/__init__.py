"""The edge: what a bin does with a picture. Needs neither celery, onnxruntime, psycopg nor numpy."""
