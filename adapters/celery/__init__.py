"""The work queue on Celery, and its timetable: nobody else knows Celery's broker options."""
