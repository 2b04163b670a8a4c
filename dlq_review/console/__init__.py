"""The console: the fleet, its models, its sensors and each event, for people without Grafana; in the review desk's web app."""
