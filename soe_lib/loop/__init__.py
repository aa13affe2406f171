"""Drivers of replays and simulated weeks: they read, call the rooms and write what was found."""
