"""A deployment of the service: migrate, update, look, and back to what ran before when anything is wrong."""
