"""Reads a message that came in, and tells what it is: no network, no database, and nothing in it is believed."""
