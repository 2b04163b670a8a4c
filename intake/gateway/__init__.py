"""The door for devices that speak HTTP: events in, places for pictures, outcomes out."""
