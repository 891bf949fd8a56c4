"""The NHS's own MESH server for tests, from an environment of its own."""
