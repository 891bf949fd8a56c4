"""The people's door: pages, and the HTTP door that other systems send events to."""
